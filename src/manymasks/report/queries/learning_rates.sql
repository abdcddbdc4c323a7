-- Learning rates that were tried, where the study tunes them
SELECT
    corpus,
    size,
    variant,
    learning_rate,
    nats,
    sd_nats,
    excess_nats,
    trials,
    failed,
    is_chosen,
    edge
FROM tuning_summary
ORDER BY corpus, size, variant, learning_rate;
