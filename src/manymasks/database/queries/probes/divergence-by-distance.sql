-- Does divergence per nat of entropy rise with distance from training, and fall again at noise?
SELECT
    label,
    probe,
    round(max(value) FILTER (WHERE trend = 'rise'), 4) AS rise,
    round(max(low) FILTER (WHERE trend = 'rise'), 4) AS rise_low,
    round(max(high) FILTER (WHERE trend = 'rise'), 4) AS rise_high,
    round(max(value) FILTER (WHERE trend = 'fall'), 4) AS fall,
    round(max(low) FILTER (WHERE trend = 'fall'), 4) AS fall_low,
    round(max(high) FILTER (WHERE trend = 'fall'), 4) AS fall_high,
    round(max(value) FILTER (WHERE trend = 'rank'), 2) AS rank_with_distance,
    any_value(models) AS models
FROM severity_trends
WHERE measure = 'kl_share'
GROUP BY label, probe
ORDER BY severity_trends.probe, label;
