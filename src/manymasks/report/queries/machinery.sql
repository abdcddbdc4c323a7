-- The divergence of members of a class by length of prompt: how they weigh the masks, and the rest
SELECT
    corpus,
    size,
    variant,
    letters,
    kl,
    mask,
    machinery,
    share,
    share_low,
    share_high,
    share_null,
    pairs,
    models
FROM masks_or_machinery
ORDER BY corpus, size, variant, letters;
