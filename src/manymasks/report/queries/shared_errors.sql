-- What members agree on about who speaks, and whether they share errors, beside noise as large
SELECT
    corpus,
    size,
    variant,
    predictor,
    reading,
    between,
    between_low,
    between_high,
    error_correlation,
    error_correlation_low,
    error_correlation_high,
    models,
    documents
FROM decomposition_by_class
ORDER BY corpus, size, variant, reading, predictor <> 'member', predictor;
