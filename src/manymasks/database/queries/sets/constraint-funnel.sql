-- How many models survive as constraints are added, and how much do the survivors differ?
SELECT
    pool,
    constraints,
    models,
    round(survivors, 2) AS survivors,
    round(survivors_lower_quantile, 2) AS lower_quantile,
    round(survivors_upper_quantile, 2) AS upper_quantile,
    round(share, 3) AS share,
    round(independent_share, 3) AS if_independent,
    round(log_ratio, 2) AS log_ratio,
    round(kl, 4) AS kl
FROM funnel
ORDER BY pool, constraints;
