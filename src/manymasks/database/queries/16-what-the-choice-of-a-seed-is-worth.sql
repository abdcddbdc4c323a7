-- What does the choice of a seed decide: how many models does each set amount to, token by token?
SELECT
    w.label,
    concat(w.eps, ' ', w.eps_unit) AS threshold,
    w.members,
    round(s.effective_models, 3) AS effective_models,
    round(s.effective_models_low, 3) AS low,
    round(s.effective_models_high, 3) AS high,
    round(s.effective_models_resampled, 3) AS resampled,
    round(100 * s.ambiguity, 1) AS percent_ambiguous,
    round(100 * s.vote_disagreement, 1) AS percent_of_votes,
    round(s.tokens_to_tell_apart, 1) AS tokens_to_tell_apart
FROM widest_set AS w
JOIN rashomon_summary AS s USING (rashomon_set)
WHERE w.method = 'trained' AND s.effective_models IS NOT NULL
ORDER BY w.corpus, w.parameters, w.variant;
