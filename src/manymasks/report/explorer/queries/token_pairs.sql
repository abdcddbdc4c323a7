-- KL of every two members of a class at each token: along the text, and along what both write
SELECT
    i.input AS probe_artifact,
    p.severity,
    p.item,
    p.path,
    p.model_a,
    p.model_b,
    list(p.kl ORDER BY p.position) AS kl
FROM explored_pair AS p
JOIN artifact AS a ON a.artifact = p.artifact AND a.is_current
JOIN artifact_input AS i ON i.artifact = p.artifact AND i.role = 'probe'
GROUP BY ALL
ORDER BY probe_artifact, p.severity, p.item, p.path, p.model_a, p.model_b;
