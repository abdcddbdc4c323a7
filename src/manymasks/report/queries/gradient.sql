-- Share of a causal gradient that comes from losses up to a distance, by group of weights
SELECT
    g.corpus,
    g.size,
    g.variant,
    g.weights,
    g.gamma,
    g.distance,
    g.projection,
    g.low,
    g.high,
    g.models,
    g.windows,
    c.parameters
FROM gradient_share AS g
LEFT JOIN model_class AS c
    ON c.corpus = g.corpus AND c.size = g.size AND c.variant = g.variant AND c.is_current
WHERE g.level = 'window' AND g.weights IN ('W_E', 'W_V', 'W_O', 'W_in', 'W_out', 'all')
    AND g.corpus IN (FROM text_corpus)
ORDER BY g.corpus, c.parameters, g.size, g.variant, g.weights = 'all', g.weights, g.gamma;
