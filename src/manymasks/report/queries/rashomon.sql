-- Size and diversity of each Rashomon set of trained members
SELECT
    label,
    reference,
    eps,
    eps_unit,
    eps_nats,
    members,
    candidates,
    share_low,
    share_high,
    mean_excess_nats,
    mean_kl,
    top1_disagreement
FROM rashomon_summary
WHERE method = 'trained'
ORDER BY reference, label, eps_unit, eps;
