-- Answers at the end of training, by class and format
SELECT
    corpus,
    size,
    variant,
    trained_format,
    answer_format,
    tokens,
    nats,
    nats_low AS low,
    nats_high AS high,
    nats_forced,
    accuracy,
    pairs_bound,
    nats_repeated,
    nats_later,
    learned,
    until_half,
    models,
    documents
FROM thinking_by_format
ORDER BY corpus, size, variant, answer_format;
