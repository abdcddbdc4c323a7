-- How few bits describe a member within eps, and do seeds differ?
SELECT
    label,
    eps_nats,
    round(bits / 1000) AS kbit,
    round(bits_low / 1000) AS low,
    round(bits_high / 1000) AS high,
    round(bits_per_weight, 2) AS bits_per_weight,
    round(constant, 3) AS constant,
    round(constant_low, 3) AS constant_low,
    round(constant_high, 3) AS constant_high,
    round(slope, 2) AS slope,
    weights,
    models
FROM bits_at_eps
ORDER BY label, eps_nats;
