-- Members and capabilities by loss above the exact law, and thresholds of sets
SELECT
    p.corpus,
    p.kind,
    CASE WHEN p.kind = 'capability' THEN p.name END AS capability,
    c.size,
    c.variant,
    c.parameters,
    -- An exact price has no interval.
    coalesce(p.exact, p.nats) AS nats,
    CASE WHEN p.exact IS NULL THEN p.nats_low END AS low,
    CASE WHEN p.exact IS NULL THEN p.nats_high END AS high,
    NULL AS share,
    p.documents,
    CASE WHEN p.kind = 'member' THEN count(*) OVER (PARTITION BY p.corpus, p.kind, p.name) END
        AS models
FROM price_ladder AS p
LEFT JOIN model_class AS c ON p.kind = 'member' AND c.label = p.name AND c.is_current
WHERE p.nats IS NOT NULL
UNION ALL BY NAME
SELECT DISTINCT s.corpus, 'threshold' AS kind, s.share, s.eps AS nats
FROM priced_set AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
WHERE s.eps IS NOT NULL
ORDER BY corpus, kind, capability, parameters, size, variant, nats;
