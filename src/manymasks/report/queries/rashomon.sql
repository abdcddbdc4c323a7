-- Size and diversity of each Rashomon set
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
ORDER BY reference, label, eps_unit, eps;
