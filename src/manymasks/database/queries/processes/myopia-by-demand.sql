-- Known processes: what does myopia cost by the number of pairs to bind, and in the control?
SELECT
    corpus,
    level::INTEGER AS pairs,
    variant,
    round(baseline_nats, 3) AS causal,
    round(variant_nats, 3) AS nats,
    round(ceiling, 3) AS without_binding,
    round(gap, 3) AS gap,
    round(gap_low, 3) AS low,
    round(gap_high, 3) AS high,
    baseline_binding AS causal_binding,
    variant_binding AS binding,
    round(variant_rate_high, 2) AS rate_at_most,
    models
FROM myopia_by_demand
WHERE stratum = 'answers by W' AND baseline = 'causal'
ORDER BY corpus, variant, pairs;
