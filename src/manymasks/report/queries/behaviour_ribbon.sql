-- The behaviour ANOVA by severity, size first: bits per token by factor
SELECT
    corpus,
    family,
    probe,
    severity,
    ngram_nats,
    ordering,
    component,
    bits,
    bits_low AS low,
    bits_high AS high,
    chance_share,
    documents,
    effective_documents
FROM behaviour_anova
WHERE kind = 'information'
    AND ordering <> 'interactions'
    AND corpus IN (FROM text_corpus)
QUALIFY ordering = arg_min(ordering, (starts_with(ordering, 'seed'), ordering)) OVER (
    PARTITION BY corpus, probe, severity
)
ORDER BY corpus, NOT is_text, family, probe, severity, component;
