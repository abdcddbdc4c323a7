-- Evidence that fine-tuned members read against the shift of their masks, step by step
SELECT
    m.corpus,
    m.size,
    m.variant,
    r.arm,
    m.model,
    r.step,
    r.alpha,
    r.alpha_low AS low,
    r.alpha_high AS high,
    r.is_identified,
    r.shift,
    r.gamma,
    c.models,
    r.documents,
    m.parameters
FROM tuned_reading AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
JOIN current_model AS m ON m.model = r.model
JOIN model_class AS c
    ON c.corpus = m.corpus AND c.size = m.size AND c.variant = m.variant AND c.is_current
WHERE r.step IS NOT NULL AND r.arm NOT LIKE '% reward' AND r.arm NOT LIKE '% optimum'
ORDER BY m.corpus, m.size, m.variant, m.seed_init, m.seed_order, r.step;
