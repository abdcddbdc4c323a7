-- Do losses on text predict losses at the end of each probe, over members?
SELECT probe, r2 AS value, r2_low AS low, r2_high AS high, models, documents, effective_documents
FROM on_the_line
SEMI JOIN text_corpus USING (corpus)
WHERE r2 IS NOT NULL
QUALIFY severity = max(severity) OVER (PARTITION BY corpus, probe)
ORDER BY value DESC, probe;
