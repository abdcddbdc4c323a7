-- Does a recurrence predict better than attention with as many weights, on as many tokens?
SELECT
    corpus,
    variant,
    size,
    mixer,
    round(nats, 4) AS nats,
    round(nats_low, 4) AS low,
    round(nats_high, 4) AS high,
    parameters,
    round(100 * (parameters_ratio - 1), 2) AS percent_more_weights,
    learning_rate,
    models
FROM mixer_comparison
ORDER BY corpus, variant, nats;
