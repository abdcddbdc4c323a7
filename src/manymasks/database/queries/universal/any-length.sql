-- In one layer without an MLP, how close do prefixes of some length come to the bound?
SELECT
    m.label,
    m.seed_init,
    b.token,
    round(exp(b.log_p_ball), 4) AS p_ball,
    round(exp(b.log_p_bound), 4) AS p_bound,
    round(exp(b.log_p_attained), 4) AS p_attained,
    round(b.log_p_bound - b.log_p_attained, 3) AS gap_nats,
    string_agg(
        printf('%s: %.4f', replace(w.method, 'mixture ', ''), exp(w.log_p)),
        ', ' ORDER BY w.prefix_length
    ) AS p_by_length,
    b.last_token,
    b.mixed_tokens
FROM attention_bound AS b
JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
JOIN current_model AS m ON m.model = b.model
LEFT JOIN witness AS w
    ON w.artifact = b.artifact
    AND w.model = b.model
    AND w.token_id = b.token_id
    AND starts_with(w.method, 'mixture')
GROUP BY ALL
ORDER BY m.label, m.seed_init, b.token;
