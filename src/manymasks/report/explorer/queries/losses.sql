-- Losses of members that thresholds beside that on text can be put on: on probes, and on the parts of
-- the measure split that the funnel uses
SELECT k.corpus, m.probe || ' severity ' || m.severity AS constraint_name, m.model, m.nats
FROM model_probe AS m
JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
JOIN current_model AS k ON k.model = m.model
JOIN current_probe AS c
    ON c.corpus = k.corpus AND c.probe = m.probe AND c.severity = m.severity
WHERE NOT c.is_text AND m.severity > 0
UNION ALL
SELECT k.corpus, f.constraint_name, f.model, f.nats
FROM funnel_loss AS f
JOIN artifact AS a ON a.artifact = f.artifact AND a.is_current
JOIN current_model AS k ON k.model = f.model
WHERE f.kind = 'split'
ORDER BY ALL;
