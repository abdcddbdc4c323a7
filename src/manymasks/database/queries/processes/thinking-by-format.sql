-- Is an answer computed in the residual stream, over fillers, or in written steps?
SELECT
    corpus,
    variant,
    trained_format,
    answer_format,
    round(nats, 3) AS nats,
    round(nats_low, 3) AS low,
    round(nats_high, 3) AS high,
    round(nats_forced, 3) AS forced,
    round(accuracy, 3) AS accuracy,
    round(pairs_bound, 2) AS pairs_bound,
    round(nats_repeated, 3) AS repeated,
    round(nats_later, 3) AS later,
    learned,
    round(until_half / 1e6, 2) AS until_half_millions,
    round(tokens / 1e6, 2) AS trained_millions,
    models
FROM thinking_by_format
ORDER BY answer_format, corpus, size, variant;
