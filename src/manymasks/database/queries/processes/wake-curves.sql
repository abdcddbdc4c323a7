-- Do masks that are no longer trained on wake as their letters come?
SELECT
    corpus,
    variant,
    arm,
    step,
    letters,
    round(weight, 3) AS weight,
    round(weight_low, 3) AS low,
    round(weight_high, 3) AS high,
    round(base_weight, 3) AS base_weight,
    round(bayes, 3) AS bayes,
    models
FROM wake_curve
ORDER BY corpus, size, variant, arm, step, letters;
