-- Share of statements that are proved, by width and variant
WITH class_width AS (
    SELECT m.label, any_value(c.width) AS width
    FROM universal_certificate AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
    JOIN current_model AS m ON m.model = c.model
    GROUP BY m.label
)
SELECT
    s.corpus,
    s.threshold,
    s.variant,
    w.width,
    round(s.proved, 9) AS proved,
    s.low,
    s.high,
    s.models
FROM provable_share AS s
JOIN class_width AS w ON w.label = s.label
WHERE s.is_final
QUALIFY count(DISTINCT w.width) OVER (PARTITION BY s.corpus, s.threshold, s.variant) > 1
ORDER BY s.corpus, s.threshold, s.variant, w.width;
