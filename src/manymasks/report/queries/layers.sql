-- Similarity of representations between seeds of a class, by layer
SELECT
    r.corpus,
    r.measure,
    r.size,
    r.variant,
    r.layer,
    r.calibrated,
    r.low,
    r.high,
    r.models,
    c.parameters
FROM representation_by_layer AS r
JOIN model_class AS c ON c.label = r.label AND c.is_current
WHERE r.is_within AND r.corpus IN (FROM text_corpus)
ORDER BY r.corpus, r.measure, c.parameters, r.size, r.variant, r.layer;
