-- Sampled contexts, token by token; the last ones are scored and have the members' disagreement
SELECT
    i.input AS probe_artifact,
    c.corpus,
    t.probe,
    t.severity,
    t.item,
    any_value(t.document) AS document,
    any_value(c.description) AS description,
    any_value(c.is_text) AS is_text,
    c.corpus NOT IN (SELECT x.corpus FROM text_corpus AS x) AS is_process,
    min(t.position) FILTER (t.nats IS NOT NULL) AS first_scored,
    list(t.token ORDER BY t.position) AS tokens,
    list(t.information ORDER BY t.position) FILTER (t.nats IS NOT NULL) AS information,
    list(t.within_information ORDER BY t.position) FILTER (t.nats IS NOT NULL) AS within,
    list(t.nats ORDER BY t.position) FILTER (t.nats IS NOT NULL) AS nats
FROM explored_token AS t
JOIN artifact AS a ON a.artifact = t.artifact AND a.is_current
JOIN artifact_input AS i ON i.artifact = t.artifact AND i.role = 'probe'
JOIN current_probe AS c ON c.artifact = i.input AND c.severity = t.severity
GROUP BY ALL
ORDER BY is_process, c.corpus, any_value(c.is_text) DESC, t.probe, t.item, t.severity;
