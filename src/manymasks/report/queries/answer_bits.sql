-- How few bits does a member take, and does the number differ between seeds?
SELECT
    label,
    eps_nats,
    bits AS value,
    bits_low AS low,
    bits_high AS high,
    bits_per_weight,
    constant,
    slope,
    models
FROM bits_at_eps
WHERE bits IS NOT NULL
QUALIFY eps_nats = min(eps_nats) OVER ()
ORDER BY corpus, weights, label;
