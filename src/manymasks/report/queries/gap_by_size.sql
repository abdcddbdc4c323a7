-- The myopia gap against size, if the study has several
SELECT
    g.corpus,
    g.baseline,
    g.variant,
    g.size,
    c.parameters,
    g.gap,
    g.low,
    g.high,
    g.seeds
FROM myopia_total AS g
JOIN model_class AS c
    ON c.corpus = g.corpus AND c.size = g.size AND c.variant = g.variant AND c.is_current
WHERE g.corpus IN (FROM text_corpus)
QUALIFY count(*) OVER (PARTITION BY g.corpus, g.baseline, g.variant) > 1
ORDER BY g.corpus, g.baseline, g.variant, c.parameters;
