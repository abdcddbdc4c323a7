-- The fewest bits of members within each rise of their loss
SELECT
    corpus,
    size,
    variant,
    eps_nats,
    bits,
    bits_low,
    bits_high,
    bits_per_weight,
    constant,
    constant_low,
    constant_high,
    slope,
    models
FROM bits_at_eps
ORDER BY corpus, weights, size, variant, eps_nats;
