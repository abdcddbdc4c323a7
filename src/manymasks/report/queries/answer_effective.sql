-- To how many models, certain of different tokens, do equally good members amount?
WITH metric AS (
    PIVOT (
        SELECT rashomon_set, metric, value, low, high, documents, effective_documents
        FROM set_metric
        WHERE is_whole AND weighting = 'hard' AND isfinite(value)
    )
    ON metric IN ('ambiguity', 'effective_models')
    USING max(value) AS value, max(low) AS low, max(high) AS high
    GROUP BY rashomon_set
)
SELECT w.label, w.members, m.effective_models_value AS value, m.effective_models_low AS low,
    m.effective_models_high AS high, m.ambiguity_value AS ambiguity
FROM widest_set AS w
JOIN metric AS m USING (rashomon_set)
SEMI JOIN text_corpus AS t ON t.corpus = w.corpus
WHERE w.method = 'trained' AND w.members > 1 AND m.effective_models_value IS NOT NULL
ORDER BY w.parameters DESC, w.label;
