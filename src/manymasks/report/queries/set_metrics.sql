-- Metrics of each set of trained members against its threshold, for the reference with most members
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
    any_value(s.effective_documents) AS effective_documents,
    any_value(w.parameters) AS parameters
FROM set_metric AS s
JOIN (
    VALUES
        (1, 'ambiguity'),
        (2, 'discrepancy'),
        (3, 'kl'),
        (4, 'effective_models'),
        (5, 'ensemble_gain')
) AS shown (panel, metric) ON shown.metric = s.metric
JOIN widest_set AS w
    ON w.label = s.label AND w.method = s.method AND w.reference = s.reference
WHERE s.is_whole
    AND s.method = 'trained'
    AND s.corpus IN (FROM text_corpus)
GROUP BY s.corpus, s.size, s.variant, s.reference, s.rashomon_set, s.eps_nats, shown.panel, s.metric
ORDER BY s.corpus, shown.panel, parameters, s.size, s.variant, s.eps_nats, s.rashomon_set;
