-- Mean KL between seeds of one class by severity of each probe
SELECT
    s.corpus,
    s.family,
    s.probe,
    s.size,
    s.variant,
    s.severity,
    s.changed,
    s.ngram_nats,
    s.kl,
    s.low,
    s.high,
    s.floor,
    s.models,
    s.documents,
    s.effective_documents,
    c.parameters,
    s.probe IN (SELECT probe FROM current_probe WHERE corpus = s.corpus AND is_furthest)
        AS is_furthest
FROM severity_curve AS s
JOIN model_class AS c ON c.label = s.label AND c.is_current
WHERE s.corpus IN (FROM text_corpus)
    AND s.probe IN (SELECT probe FROM current_probe WHERE corpus = s.corpus AND severity > 0)
ORDER BY s.corpus, s.family, s.probe, c.parameters, s.size, s.variant, s.severity;
