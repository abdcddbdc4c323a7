-- Which tokens are provably never the greedy token?
SELECT
    label,
    token,
    any_value(occurrences) AS occurrences,
    count(*) FILTER (WHERE verdict = 'proved') AS proved,
    count(*) FILTER (WHERE verdict = 'refuted') AS refuted,
    count(*) FILTER (WHERE verdict = 'open') AS open,
    round(median(lead_bound), 3) AS lead_bound_nats,
    round(median(lead_best), 3) AS lead_best_nats
FROM lead_verdict
GROUP BY label, token_id, token
ORDER BY label, occurrences DESC, token;
