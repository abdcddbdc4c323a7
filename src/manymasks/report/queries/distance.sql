-- KL between seeds as a share of their predictive entropy against the distance from training
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.family,
    s.probe,
    s.severity,
    s.ngram_nats,
    s.reference_nats,
    s.entropy_share,
    s.is_text,
    s.models,
    s.documents,
    s.effective_documents,
    c.parameters
FROM severity_curve AS s
JOIN model_class AS c ON c.label = s.label AND c.is_current
WHERE s.corpus IN (FROM text_corpus)
    AND s.ngram_nats IS NOT NULL
    AND s.entropy_share IS NOT NULL
    AND s.corpus IN (SELECT corpus FROM current_probe WHERE severity > 0)
ORDER BY s.corpus, c.parameters, s.size, s.variant, s.family, s.probe, s.severity;
