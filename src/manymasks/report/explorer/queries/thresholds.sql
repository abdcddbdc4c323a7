-- Thresholds of the constraint funnel on losses, above the best of the pool
SELECT f.pool, f.constraint_name, f.threshold_nats - f.nats_best AS above_best
FROM funnel_constraint AS f
JOIN artifact AS a ON a.artifact = f.artifact AND a.is_current
WHERE f.kind IN ('probe', 'split')
ORDER BY f.pool, f.constraint_name;
