-- Share of statements that are proved, by training step and class
SELECT
    corpus,
    size,
    variant,
    parameters,
    threshold,
    step,
    round(proved, 9) AS proved,
    low,
    high,
    models
FROM provable_share
QUALIFY count(DISTINCT step) OVER (PARTITION BY label) > 1
ORDER BY corpus, threshold, parameters, size, variant, step;
