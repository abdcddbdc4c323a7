-- Share of pairs that still agree, by tokens written: seeds, and variants of one size
SELECT
    r.corpus,
    r.mode,
    r.size,
    r.variant,
    o.variant AS other,
    r.is_within,
    r.step,
    r.survival,
    r.low,
    r.high,
    r.models,
    r.documents,
    r.effective_documents,
    c.parameters
FROM rollout_agreement AS r
JOIN model_class AS c ON c.label = r.label AND c.is_current
JOIN model_class AS o ON o.label = r.other AND o.is_current AND o.size = c.size
WHERE r.corpus IN (FROM text_corpus)
ORDER BY r.corpus, r.mode, NOT r.is_within, c.parameters, r.size, r.variant, other, r.step;
