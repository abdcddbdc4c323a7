-- Lowest and highest probability of the true token in the largest set of each class, by position
SELECT
    c.corpus,
    c.size,
    c.variant,
    c.position,
    c.p_low,
    c.p_high,
    c.members AS models,
    count(DISTINCT c.document) OVER (PARTITION BY c.rashomon_set) AS documents,
    m.parameters
FROM contested_positions AS c
LEFT JOIN model_class AS m ON m.label = c.label AND m.is_current
WHERE c.method = 'trained'
    AND c.members > 1
    AND c.corpus IN (FROM text_corpus)
    AND c.p_low IS NOT NULL
QUALIFY c.rashomon_set = first_value(c.rashomon_set) OVER (
    PARTITION BY c.label ORDER BY c.members DESC, c.eps_unit, c.eps, c.rashomon_set
)
ORDER BY c.corpus, m.parameters, c.size, c.variant, c.p_low + c.p_high, c.position;
