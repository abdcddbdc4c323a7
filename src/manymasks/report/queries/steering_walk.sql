-- Paths of members by SGD on choices of their own, beside the closed form of their spread
SELECT
    m.corpus,
    m.size,
    m.variant,
    p.model,
    p.run,
    p.step,
    p.change,
    p.change_sd
FROM steering_path AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN current_model AS m ON m.model = p.model
ORDER BY m.corpus, m.size, m.variant, m.seed_init, m.seed_order, p.run, p.step;
