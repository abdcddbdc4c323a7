-- Which pairs of tokens are provably never both probable?
SELECT
    label,
    threshold,
    round(avg((verdict = 'proved')::INT), 3) AS proved,
    round(avg((verdict = 'refuted')::INT), 3) AS refuted,
    round(avg((verdict = 'open')::INT), 3) AS open,
    count(DISTINCT model) AS models,
    count(DISTINCT (token_a_id, token_b_id)) AS pairs,
    arg_min(printf('%s and %s', token_a, token_b), log_p_bound) AS tightest,
    round(exp(min(log_p_bound)), 4) AS tightest_bound
FROM pair_verdict
GROUP BY label, threshold
ORDER BY label, threshold;
