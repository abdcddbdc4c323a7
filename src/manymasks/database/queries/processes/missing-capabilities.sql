-- Known processes: which capabilities may members of a set lack, and which do they lack?
SELECT
    corpus,
    variant,
    share,
    round(eps, 4) AS eps,
    members,
    candidates,
    capability,
    round(price, 4) AS price,
    may_lack,
    reduced,
    lost,
    round(mean_kept, 2) AS kept
FROM capability_sets
ORDER BY corpus, variant, share, capability_sets.price, capability;
