-- How far from the training text is each probe, by counts and by the loss of reference seeds?
SELECT
    corpus,
    probe,
    severity,
    round(changed, 2) AS context_changed,
    round(ngram_nats, 2) AS ngram_nats,
    round(reference_nats, 3) AS reference_nats
FROM current_probe
SEMI JOIN text_corpus USING (corpus)
QUALIFY severity IN (0, max(severity) OVER (PARTITION BY corpus, probe))
ORDER BY corpus, probe, severity;
