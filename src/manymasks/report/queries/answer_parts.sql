-- Do members tell who speaks by their own predictions, and do they share errors?
SELECT
    m.label,
    m.parts_lowest,
    m.parts_highest,
    m.r2 AS value,
    m.r2_low AS low,
    m.r2_high AS high,
    k.error_correlation AS shared,
    k.error_correlation_low AS shared_low,
    max(n.error_correlation_high) AS noise_high,
    max(n.error_correlation) AS noise,
    m.models,
    m.documents
FROM decomposition_by_class AS m
JOIN decomposition_by_class AS k ON k.label = m.label AND k.reading = 'masks'
JOIN decomposition_by_class AS n ON n.label = m.label AND n.reading = 'masks'
WHERE
    m.reading = 'operators'
    AND m.predictor = 'member'
    AND k.predictor = 'member'
    AND n.predictor <> 'member'
GROUP BY ALL
ORDER BY m.label;
