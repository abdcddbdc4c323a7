-- Eigenvalues of the operator of one token, by rank, of classes on text and what stands beside them
SELECT
    t.corpus,
    t.size,
    t.variant,
    t.predictor,
    t.number,
    t.re,
    t.re_low AS low,
    t.re_high AS high,
    c.parameters,
    t.models
FROM text_spectrum_by_class AS t
JOIN model_class AS c ON c.label = t.label AND c.is_current
ORDER BY t.corpus, c.parameters, t.variant, t.predictor, t.number;
