-- Corpora
SELECT c.corpus, c.kind, c.documents, c.train_documents, c.select_documents, c.measure_documents,
    c.bytes, c.empty_documents, c.duplicate_documents, c.undecodable_documents, t.kind AS tokenizer, t.vocabulary, t.bytes_per_token, c.source, c.licence, c.sha256
FROM corpus AS c
JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current
LEFT JOIN (
    SELECT t.* FROM tokenizer AS t JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
) AS t ON t.corpus = c.corpus
ORDER BY c.corpus;
