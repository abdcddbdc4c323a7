-- Information found by a search for disagreement, in the members searched and in the others
SELECT
    g.corpus,
    g.probe,
    g.severity,
    g.generations,
    c.size,
    c.variant,
    c.parameters,
    g.searched,
    g.searched_low,
    g.searched_high,
    g.unseen,
    g.unseen_low AS low,
    g.unseen_high AS high,
    g.searched_models,
    g.unseen_models AS models,
    g.documents,
    g.effective_documents
FROM search_gain AS g
JOIN model_class AS c ON c.label = g.label AND c.is_current
WHERE g.corpus IN (FROM text_corpus)
ORDER BY g.corpus, g.probe, c.parameters, c.size, c.variant, g.severity;
