-- Loss on the measure split by position in the window: all arms, and n-gram baselines
SELECT
    m.corpus,
    m.size,
    m.variant AS arm,
    FALSE AS is_ngram,
    p.position_low,
    p.position_high,
    avg(p.nats) AS nats,
    count(*) AS models,
    any_value(m.parameters) AS parameters
FROM position_loss AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN current_model AS m ON m.model = p.model AND m.status = 'trained'
WHERE p.split = 'measure' AND m.corpus IN (SELECT corpus FROM arms JOIN text_corpus USING (corpus))
GROUP BY m.corpus, m.size, m.variant, p.position_low, p.position_high
UNION ALL BY NAME
SELECT
    f.corpus,
    a.size,
    f.baseline AS arm,
    TRUE AS is_ngram,
    f.position_low,
    f.position_high,
    f.nats,
    a.parameters
FROM ngram_position_loss AS f
JOIN artifact AS e ON e.artifact = f.artifact AND e.is_current
JOIN arms AS a ON a.corpus = f.corpus AND a.arm = f.baseline AND a.is_ngram
WHERE f.split = 'measure' AND f.corpus IN (FROM text_corpus)
ORDER BY corpus, parameters, size, is_ngram, arm, position_low;
