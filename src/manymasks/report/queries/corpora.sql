-- Corpora
SELECT c.corpus, c.kind, c.documents, c.train_documents, c.select_documents, c.measure_documents,
    c.bytes, c.longest_document, c.duplicate_documents, c.cross_split_duplicates, d.dropped, s.tokens, t.kind AS tokenizer, t.vocabulary, t.bytes_per_token, c.source, c.licence, c.sha256
FROM corpus AS c
JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current
LEFT JOIN (
    SELECT t.* FROM tokenizer AS t JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
) AS t ON t.corpus = c.corpus
LEFT JOIN (
    SELECT artifact, string_agg(format('{} {}', documents, reason), ', ' ORDER BY documents DESC, reason) AS dropped
    FROM dropped_documents GROUP BY artifact
) AS d ON d.artifact = c.artifact
LEFT JOIN (
    SELECT s.corpus, sum(s.tokens)::BIGINT AS tokens
    FROM split_tokens AS s JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    GROUP BY s.corpus
) AS s ON s.corpus = c.corpus
ORDER BY c.corpus;
