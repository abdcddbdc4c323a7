-- How far above the numerical noise floor are the measured divergences?
SELECT
    label,
    probe,
    severity,
    perturbation,
    round(seed_kl, 4) AS seed_kl,
    printf('%.1e', max_kl) AS floor_kl,
    printf('%.1e', share_of_seed_kl) AS floor_share
FROM noise_floor_summary
ORDER BY share_of_seed_kl DESC
LIMIT 20;
