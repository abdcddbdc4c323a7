-- Share of the change of rewarded members that one shift of the masks explains, beside the optimum's
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.arm,
    split_part(s.arm, ' ', 1) AS rewarded,
    split_part(s.arm, ' ', 2) = 'optimum' AS imitates,
    s.step,
    s.share_one,
    s.share_low AS low,
    s.share_high AS high,
    s.share_free,
    s.exact_share_one,
    s.goal_share_one,
    s.kl,
    s.exact_kl,
    s.from_changed,
    s.residual,
    s.floor,
    s.models,
    c.parameters
FROM shift_or_machinery AS s
JOIN model_class AS c
    ON c.corpus = s.corpus AND c.size = s.size AND c.variant = s.variant AND c.is_current
WHERE (s.arm LIKE '% reward' OR s.arm LIKE '% optimum') AND s.share_one IS NOT NULL
ORDER BY rewarded, s.corpus, s.size, s.variant, s.arm, s.step;
