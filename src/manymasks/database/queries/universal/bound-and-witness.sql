-- For which tokens does a prefix come closest to the bound?
SELECT
    label,
    token,
    occurrences,
    round(exp(log_p_bound), 4) AS p_bound,
    round(exp(log_p_best), 4) AS p_best,
    round(log_p_bound - log_p_best, 3) AS gap_nats,
    method,
    right(prefix, 40) AS prefix_end
FROM verdict
QUALIFY model = min_by(model, (seed_init, seed_order)) OVER (PARTITION BY label)
    AND threshold = max(threshold) OVER ()
    AND row_number() OVER (PARTITION BY model, threshold ORDER BY log_p_bound - log_p_best) <= 5
ORDER BY label, gap_nats, token;
