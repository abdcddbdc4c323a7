-- What each member says at the scored tokens: its first-ranked tokens, and the true one
SELECT
    i.input AS probe_artifact,
    p.severity,
    p.item,
    p.position,
    p.model,
    list(p.token ORDER BY p.rank) FILTER (p.rank <= 5) AS tokens,
    list(p.p ORDER BY p.rank) FILTER (p.rank <= 5) AS ps,
    any_value(p.rank) FILTER (p.is_true) AS true_rank,
    any_value(p.p) FILTER (p.is_true) AS true_p
FROM explored_prediction AS p
JOIN artifact AS a ON a.artifact = p.artifact AND a.is_current
JOIN artifact_input AS i ON i.artifact = p.artifact AND i.role = 'probe'
GROUP BY ALL
ORDER BY probe_artifact, p.severity, p.item, p.position, p.model;
