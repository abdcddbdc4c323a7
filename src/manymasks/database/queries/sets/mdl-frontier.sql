-- Which class takes the fewest bits at each loss?
SELECT
    corpus,
    size,
    variant,
    round(bits / 1000, 1) AS kbit,
    round(bits_per_weight, 2) AS bits_per_weight,
    round(select_nats, 4) AS select_nats,
    round(nats, 4) AS measure_nats,
    model
FROM mdl_frontier
WHERE is_frontier
ORDER BY corpus, bits;
