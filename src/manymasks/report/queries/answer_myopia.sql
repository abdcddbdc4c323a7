-- What does it cost in loss that no gradient reaches earlier positions?
SELECT g.corpus, g.size, g.variant, g.baseline, g.gap AS value, g.low, g.high, g.seeds AS models,
    g.documents, g.effective_documents
FROM myopia_total AS g
LEFT JOIN model_class AS c
    ON (c.corpus, c.size, c.variant) = (g.corpus, g.size, g.variant) AND c.is_current
WHERE g.gap IS NOT NULL
ORDER BY g.corpus NOT IN (FROM text_corpus), g.corpus, c.parameters DESC, g.variant;
