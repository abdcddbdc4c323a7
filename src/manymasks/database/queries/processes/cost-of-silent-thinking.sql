-- What does myopia cost by format, and do fillers help?
SELECT
    contrast,
    corpus,
    baseline_corpus,
    variant,
    answer_format,
    round(difference, 3) AS difference,
    round(difference_low, 3) AS low,
    round(difference_high, 3) AS high,
    round(nats, 3) AS nats,
    round(baseline_nats, 3) AS baseline,
    round(token_ratio, 2) AS token_ratio,
    models
FROM thinking_contrast
ORDER BY contrast, corpus, size, variant, answer_format;
