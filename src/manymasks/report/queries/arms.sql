-- All arms and n-gram baselines on the measure split, and their loss above causal
SELECT
    corpus,
    size,
    arm,
    is_ngram,
    gradient,
    gamma,
    nats,
    nats_low,
    nats_high,
    gap,
    gap_low,
    gap_high,
    models,
    documents,
    effective_documents,
    learning_rate
FROM arms
ORDER BY corpus, parameters, size, nats, arm;
