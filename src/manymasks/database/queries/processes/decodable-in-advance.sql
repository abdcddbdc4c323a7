-- Known processes: how much of later tokens and answers is linearly decodable in advance?
WITH decoded AS (
    -- Share of the gain of the exact predictor over token frequencies.
    SELECT
        label,
        'efficiency' AS measure,
        'token ' || ahead || ' ahead' AS target,
        layer,
        control,
        efficiency AS value,
        efficiency_low AS low,
        efficiency_high AS high,
        models
    FROM speculation_by_variant
    UNION ALL
    -- AUC of whether a pair counts for the answer.
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
    target,
    layer,
    round(d.value, 3) AS value,
    round(d.low, 3) AS low,
    round(d.high, 3) AS high,
    round(u.value, 3) AS untrained,
    d.models
FROM decoded AS d
LEFT JOIN (FROM decoded WHERE control = 'untrained') AS u USING (label, measure, target, layer)
WHERE d.control = 'none' AND d.value IS NOT NULL
ORDER BY label, measure, target, layer;
