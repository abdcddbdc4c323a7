-- Known processes: what does the stream hold of tokens to come, and of what is asked only later?
WITH held AS (
    -- A share of what the exact law gains over frequencies that many tokens ahead.
    SELECT
        label,
        'efficiency' AS measure,
        'token ' || ahead || ' ahead' AS what,
        layer,
        control,
        efficiency AS value,
        efficiency_low AS low,
        efficiency_high AS high,
        models
    FROM speculation_by_variant
    UNION ALL
    -- The area under the curve of whether a pair counts for the answer.
    SELECT
        label,
        'auc',
        CASE site WHEN 'b' THEN 'pair counts' ELSE 'pair counts, one token later' END,
        layer,
        control,
        auc,
        auc_low,
        auc_high,
        models
    FROM speculation_auc_by_variant
)
SELECT
    label,
    measure,
    what,
    layer,
    round(h.value, 3) AS value,
    round(h.low, 3) AS low,
    round(h.high, 3) AS high,
    round(u.value, 3) AS untrained,
    h.models
FROM held AS h
LEFT JOIN (FROM held WHERE control = 'untrained') AS u USING (label, measure, what, layer)
WHERE h.control = 'none' AND h.value IS NOT NULL
ORDER BY label, measure, what, layer;
