-- Yield of each way of making members, under the reference with most members
SELECT
    y.label,
    y.corpus,
    y.size,
    y.variant,
    y.method,
    y.reference,
    y.eps,
    y.eps_unit,
    y.candidates,
    y.members,
    y.share,
    y.share_low,
    y.share_high,
    y.kl,
    y.kl_low,
    y.kl_high,
    y.seconds_per_candidate,
    y.seconds_per_member,
    y.kl_per_second,
    y.parents,
    y.parent_seconds
FROM method_yield AS y
JOIN widest_set AS w ON w.label = y.label AND w.method = 'trained' AND w.reference = y.reference
-- All methods are compared at the threshold of the widest set of trained members.
WHERE y.eps = w.eps AND y.eps_unit = w.eps_unit AND y.corpus IN (FROM text_corpus)
-- Nothing to compare if all members were trained.
QUALIFY bool_or(y.method <> 'trained') OVER ()
ORDER BY y.corpus, w.parameters, y.size, y.variant, y.method <> 'trained', y.method;
