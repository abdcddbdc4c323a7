-- Effective planning horizon: the discount at which half of the myopia gap is gone
SELECT corpus, size, gammas, gap, half_gamma, horizon, horizon_low, horizon_high, fitted_horizon, seeds
FROM planning_horizon
WHERE horizon IS NOT NULL
ORDER BY corpus, size;
