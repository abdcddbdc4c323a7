-- What does myopia cost, by size?
SELECT
    corpus,
    size,
    variant,
    baseline,
    round(baseline_nats, 4) AS baseline_nats,
    round(variant_nats, 4) AS variant_nats,
    round(gap, 4) AS gap,
    round(low, 4) AS low,
    round(high, 4) AS high,
    printf('%.1e', p) AS p,
    seeds
FROM myopia_total
ORDER BY corpus, baseline_nats DESC, variant;
