-- Losses of members on probes: what thresholds beside that on text can be put on
SELECT k.corpus, m.probe, m.severity, m.model, m.nats
FROM model_probe AS m
JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
JOIN current_model AS k ON k.model = m.model
JOIN current_probe AS c
    ON c.corpus = k.corpus AND c.probe = m.probe AND c.severity = m.severity
WHERE NOT c.is_text AND m.severity > 0
ORDER BY k.corpus, m.probe, m.severity, m.model;
