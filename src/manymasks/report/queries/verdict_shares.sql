-- Shares of statements that are proved, open and refuted, by threshold and class
SELECT
    corpus,
    size,
    variant,
    parameters,
    threshold,
    round(proved, 9) AS proved,
    low,
    high,
    round(refuted, 9) AS refuted,
    round(open, 9) AS open,
    models
FROM provable_share
WHERE is_final
ORDER BY corpus, parameters, size, variant, threshold;
