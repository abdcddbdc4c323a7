-- Does the divergence between seeds rise on the way from held-out text to the end of each probe?
SELECT probe, label, value, low, high, models, documents, effective_documents
FROM severity_trends
SEMI JOIN text_corpus USING (corpus)
WHERE measure = 'kl' AND trend = 'rise' AND value IS NOT NULL
ORDER BY probe, label;
