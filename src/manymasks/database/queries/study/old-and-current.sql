-- Which settings differ between a current artifact and the latest old one of the same name?
WITH setting AS (
    SELECT a.artifact, s.fullkey AS name, s.value
    FROM artifact AS a, json_tree(a.settings) AS s
    WHERE s.type NOT IN ('OBJECT', 'ARRAY')
),
pair AS (
    SELECT c.stage, c.label, c.artifact AS current, max_by(o.artifact, o.created) AS old
    FROM artifact AS c
    JOIN artifact AS o ON o.stage = c.stage AND o.label = c.label AND NOT o.is_current
    WHERE c.is_current
    GROUP BY ALL
),
named AS (
    SELECT DISTINCT p.*, s.name
    FROM pair AS p
    JOIN setting AS s ON s.artifact IN (p.current, p.old)
)
SELECT n.stage, n.label, n.old, n.current, n.name AS setting, o.value AS was, c.value AS is_now
FROM named AS n
LEFT JOIN setting AS o ON o.artifact = n.old AND o.name = n.name
LEFT JOIN setting AS c ON c.artifact = n.current AND c.name = n.name
WHERE o.value IS DISTINCT FROM c.value
ORDER BY n.stage, n.label, n.name;
