-- Every two members on held-out text, and the tightest Rashomon set that has both
WITH tightest AS (
    SELECT
        model_a,
        model_b,
        first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set,
        min(eps_nats) AS eps_nats
    FROM equal_loss_pairs
    GROUP BY model_a, model_b
)
SELECT
    p.corpus,
    p.model_a,
    p.model_b,
    abs(a.select_nats - b.select_nats) AS select_difference,
    p.kl,
    p.hidden,
    p.top1_agreement,
    t.rashomon_set,
    t.eps_nats
FROM current_pair AS p
JOIN current_model AS a ON a.model = p.model_a
JOIN current_model AS b ON b.model = p.model_b
LEFT JOIN tightest AS t USING (model_a, model_b)
WHERE p.is_text AND p.severity = 0
ORDER BY t.eps_nats NULLS LAST, p.kl DESC, p.model_a, p.model_b;
