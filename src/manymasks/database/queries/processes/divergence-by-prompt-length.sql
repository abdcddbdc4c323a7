-- Known processes: do members converge as the prompt reveals its mask?
SELECT
    size,
    variant,
    position - 2 AS letters,
    round(posterior_entropy, 3) AS mask_entropy,
    round(kl, 4) AS kl,
    round(kl_low, 4) AS low,
    round(kl_high, 4) AS high,
    round(floor, 6) AS floor,
    models
FROM spread_by_position
WHERE latent = 'mask' AND position IN (2, 3, 4, 6, 10, 18, 34, 63)
ORDER BY size, variant, letters;
