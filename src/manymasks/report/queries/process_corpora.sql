-- Corpora drawn from a known process
SELECT DISTINCT t.corpus
FROM process_truth AS t
JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
ORDER BY t.corpus;
