-- What loss does each variant reach, between the n-gram baselines and causal training?
SELECT
    corpus,
    size,
    arm,
    CASE WHEN is_ngram THEN 'counts' ELSE gradient END AS gradient,
    gamma,
    round(nats, 4) AS nats,
    round(nats_low, 4) AS low,
    round(nats_high, 4) AS high,
    round(gap, 4) AS above_causal,
    round(gap_low, 4) AS gap_low,
    round(gap_high, 4) AS gap_high,
    learning_rate,
    models
FROM arms
ORDER BY corpus, parameters, size, arms.nats, arm;
