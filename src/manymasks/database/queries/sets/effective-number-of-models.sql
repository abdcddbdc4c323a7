-- What is the effective number of models in a set, token by token?
WITH metric AS (
    PIVOT (
        SELECT rashomon_set, weighting, metric, value, low, high
        FROM set_metric
        WHERE is_whole AND isfinite(value)
    )
    ON metric IN ('ambiguity', 'effective_models', 'tokens_to_tell_apart', 'vote_disagreement')
    USING max(value) AS value, max(low) AS low, max(high) AS high
    GROUP BY rashomon_set, weighting
)
SELECT
    w.label,
    concat(w.eps, ' ', w.eps_unit) AS threshold,
    w.members,
    round(h.effective_models_value, 3) AS effective_models,
    round(h.effective_models_low, 3) AS low,
    round(h.effective_models_high, 3) AS high,
    round(r.effective_models_value, 3) AS resampled,
    round(100 * h.ambiguity_value, 1) AS percent_ambiguous,
    round(100 * h.vote_disagreement_value, 1) AS percent_of_votes,
    round(h.tokens_to_tell_apart_value, 1) AS tokens_to_tell_apart
FROM widest_set AS w
JOIN metric AS h ON h.rashomon_set = w.rashomon_set AND h.weighting = 'hard'
LEFT JOIN metric AS r ON r.rashomon_set = w.rashomon_set AND r.weighting = 'resampled'
WHERE w.method = 'trained' AND h.effective_models_value IS NOT NULL
ORDER BY w.corpus, w.parameters, w.variant;
