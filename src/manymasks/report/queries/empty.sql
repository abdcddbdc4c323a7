-- Analyses of the study that have nothing to compare, because members failed in training
SELECT string_agg(label, ', ' ORDER BY label) AS labels, count(*) AS analyses,
    rtrim(figures ->> 'empty', '.') AS reason
FROM artifact
WHERE is_current AND figures ->> 'empty' IS NOT NULL
GROUP BY reason
ORDER BY labels;
