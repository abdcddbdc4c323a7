-- Metrics of each set of trained members against its threshold, under the reference of most members
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.reference,
    s.eps_nats,
    s.metric,
    any_value(s.value) FILTER (WHERE s.weighting = 'hard') AS value,
    any_value(s.low) FILTER (WHERE s.weighting = 'hard') AS low,
    any_value(s.high) FILTER (WHERE s.weighting = 'hard') AS high,
    any_value(s.value) FILTER (WHERE s.weighting = 'resampled') AS resampled,
    any_value(s.members) AS models,
    any_value(s.documents) AS documents,
    any_value(w.parameters) AS parameters
FROM set_metric AS s
JOIN widest_set AS w
    ON w.label = s.label AND w.method = s.method AND w.reference = s.reference
WHERE s.is_whole
    AND s.method = 'trained'
    AND s.metric IN (
        'ambiguity', 'discrepancy', 'kl', 'effective_models', 'ensemble_gain'
    )
    AND s.corpus IN (FROM text_corpus)
GROUP BY s.corpus, s.size, s.variant, s.reference, s.rashomon_set, s.eps_nats, s.metric
ORDER BY s.corpus, s.metric, parameters, s.size, s.variant, s.eps_nats, s.rashomon_set;
