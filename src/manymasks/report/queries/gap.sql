-- Loss of a variant minus that of its baseline, paired over seeds, by position and over all
SELECT
    g.corpus,
    g.baseline,
    g.variant,
    g.size,
    g.position_low,
    g.position_high,
    g.is_total,
    g.gap,
    g.low,
    g.high,
    g.seeds,
    g.documents,
    g.effective_documents,
    c.parameters
FROM (
    SELECT *, FALSE AS is_total FROM myopia_by_position
    UNION ALL BY NAME
    SELECT *, TRUE AS is_total FROM myopia_total
) AS g
LEFT JOIN model_class AS c
    ON c.corpus = g.corpus AND c.size = g.size AND c.variant = g.variant AND c.is_current
WHERE g.corpus IN (FROM text_corpus)
ORDER BY g.corpus, g.baseline, g.variant, c.parameters, g.size, g.is_total, g.position_low;
