-- Do members prove what is true of their process: that a token never follows another?
SELECT
    label,
    threshold,
    count(DISTINCT (last_id, token_id)) AS statements,
    round(avg((verdict = 'proved')::INT), 3) AS proved,
    round(avg((verdict = 'proved to a length')::INT), 3) AS to_a_length,
    any_value(possible_length) AS length,
    round(avg((verdict = 'refuted')::INT), 3) AS refuted,
    round(avg(is_exceeded_elsewhere::INT), 3) AS exceeded_elsewhere,
    arg_max(printf('%s after %s', token, last_token), log_p_best) AS likeliest,
    round(exp(max(log_p_best)), 4) AS its_probability
FROM process_verdict
GROUP BY label, threshold
ORDER BY label, threshold;
