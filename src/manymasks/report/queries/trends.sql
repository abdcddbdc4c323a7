-- KL as a share of predictive entropy: rise and fall over severities, and rank correlation
SELECT
    t.corpus,
    t.probe,
    t.size,
    t.variant,
    max(t.value) FILTER (WHERE t.trend = 'rise') AS rise,
    max(t.low) FILTER (WHERE t.trend = 'rise') AS rise_low,
    max(t.high) FILTER (WHERE t.trend = 'rise') AS rise_high,
    max(t.value) FILTER (WHERE t.trend = 'fall') AS fall,
    max(t.low) FILTER (WHERE t.trend = 'fall') AS fall_low,
    max(t.high) FILTER (WHERE t.trend = 'fall') AS fall_high,
    max(t.value) FILTER (WHERE t.trend = 'rank') AS rank,
    any_value(t.models) AS models
FROM severity_trends AS t
JOIN model_class AS c ON c.label = t.label AND c.is_current
WHERE t.measure = 'kl_share' AND t.corpus IN (FROM text_corpus)
GROUP BY t.corpus, t.probe, t.size, t.variant, c.parameters
ORDER BY t.corpus, t.probe, c.parameters, t.size, t.variant;
