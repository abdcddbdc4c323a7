-- Metrics at fewer members of the widest sets, and patterns of passing probes
SELECT
    r.corpus,
    r.size,
    r.variant,
    r.metric,
    r.members_used,
    r.value,
    r.low,
    r.high,
    r.documents,
    r.effective_documents,
    w.parameters
FROM rarefaction_curve AS r
JOIN widest_set AS w ON w.rashomon_set = r.rashomon_set
WHERE w.method = 'trained' AND w.members > 1 AND r.corpus IN (FROM text_corpus)
UNION ALL BY NAME
SELECT
    p.corpus,
    p.size,
    p.variant,
    'patterns' AS metric,
    p.members_used,
    p.patterns AS value,
    c.parameters
FROM pattern_count AS p
LEFT JOIN model_class AS c ON c.label = p.pool AND c.is_current
WHERE p.variant IS NOT NULL AND p.models > 1 AND p.probes > 0 AND p.corpus IN (FROM text_corpus)
ORDER BY corpus, metric = 'patterns', metric, parameters, size, variant, members_used;
