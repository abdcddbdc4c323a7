-- Loss on the measure split by class
SELECT
    corpus,
    size,
    variant,
    parameters,
    models,
    failed,
    nats,
    nats_low,
    nats_high,
    sd_nats,
    best_nats,
    bits_per_byte,
    top1,
    documents,
    effective_documents
FROM leaderboard
ORDER BY corpus, nats;
