-- Divergence between members of a class by prompt length: weights of masks, and the remainder
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
