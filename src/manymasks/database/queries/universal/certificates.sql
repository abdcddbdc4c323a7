-- How large are the gaps and the allowances of the certificates?
SELECT
    m.label,
    m.seed_init,
    m.seed_order,
    c.step,
    c.gap_largest,
    c.unreached,
    c.logit_error,
    c.logit_error_measured,
    round(c.iterations / c.tokens, 1) AS iterations_per_token,
    round(c.bytes / 1e3) AS kilobytes
FROM universal_certificate AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
JOIN current_model AS m ON m.model = c.model
ORDER BY m.label, m.seed_init, m.seed_order, c.step;
