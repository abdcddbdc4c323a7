-- What each member writes greedily after a context, in place of its scored tokens
SELECT
    i.input AS probe_artifact,
    c.severity,
    c.item,
    c.model,
    list(c.token ORDER BY c.position) AS tokens,
    list(c.p ORDER BY c.position) AS ps
FROM explored_continuation AS c
JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current
JOIN artifact_input AS i ON i.artifact = c.artifact AND i.role = 'probe'
GROUP BY ALL
ORDER BY probe_artifact, c.severity, c.item, c.model;
