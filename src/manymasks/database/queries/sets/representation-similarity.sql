-- How similar are hidden representations between seeds, variants and sizes?
SELECT
    label,
    other,
    measure,
    layer,
    round(value, 3) AS similarity,
    round(calibrated, 3) AS beyond_chance,
    round(low, 3) AS low,
    round(high, 3) AS high,
    models
FROM representation_by_layer
ORDER BY NOT is_within, label, other, measure, layer;
