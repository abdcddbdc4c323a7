-- Price of a capability, and how many members of a set lack it
SELECT
    corpus,
    size,
    variant,
    share,
    eps,
    cheapest,
    members,
    candidates,
    capability,
    price,
    may_lack,
    lost,
    mean_kept
FROM capability_sets
WHERE eps IS NOT NULL
ORDER BY corpus, size, variant, price, capability, share;
