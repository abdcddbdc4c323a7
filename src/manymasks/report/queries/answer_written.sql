-- After how many tokens do the greedy texts of two seeds part?
SELECT label, value, low, high, models, documents, effective_documents
FROM rollout_summary
SEMI JOIN text_corpus USING (corpus)
WHERE is_within AND mode = 'greedy' AND metric = 'agreed_tokens' AND value IS NOT NULL
ORDER BY label;
