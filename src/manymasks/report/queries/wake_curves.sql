-- Weight of masks that fine-tuning does not favour, by letters of their prompts and steps
SELECT
    w.corpus,
    w.size,
    w.variant,
    w.arm,
    w.step,
    w.letters,
    w.weight,
    w.weight_low AS low,
    w.weight_high AS high,
    w.base_weight,
    w.bayes,
    w.models,
    c.parameters
FROM wake_curve AS w
JOIN model_class AS c
    ON c.corpus = w.corpus AND c.size = w.size AND c.variant = w.variant AND c.is_current
WHERE w.arm NOT LIKE '% reward' AND w.arm NOT LIKE '% optimum'
ORDER BY w.corpus, w.size, w.variant, w.step, w.letters;
