-- Mean KL between seeds of one class, on text (severity 0) and further from it
SELECT
    s.corpus,
    s.probe,
    s.size,
    s.variant,
    s.severity,
    s.changed,
    s.kl,
    s.low,
    s.high,
    s.floor,
    s.models,
    s.documents,
    c.parameters
FROM severity_curve AS s
JOIN model_class AS c ON c.label = s.label AND c.is_current
WHERE s.probe IN (SELECT probe FROM current_probe WHERE severity > 0)
ORDER BY s.corpus, s.probe, c.parameters, s.size, s.variant, s.severity;
