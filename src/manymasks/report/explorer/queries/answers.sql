-- Loss on the answers of a counting process by the pairs that count: what binding costs
SELECT
    corpus,
    size,
    baseline,
    variant,
    CAST(level AS INTEGER) AS pairs,
    baseline_nats,
    baseline_low,
    baseline_high,
    variant_nats,
    variant_low,
    variant_high,
    ceiling,
    models
FROM myopia_by_demand
WHERE stratum = 'answers by W'
ORDER BY control_of IS NULL DESC, corpus, size, variant, pairs;
