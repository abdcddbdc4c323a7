-- How long do recurrent states last, and how many directions do they fill?
SELECT
    corpus,
    size,
    variant,
    layer,
    round(half_life, 1) AS half_life,
    round(shortest, 1) AS shortest,
    round(longest, 1) AS longest,
    round(stable_rank, 2) AS stable_rank,
    keys,
    round(rms, 3) AS rms,
    models
FROM state_summary
ORDER BY corpus, size, variant, layer;
