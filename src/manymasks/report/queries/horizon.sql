-- How far ahead planning pays: where half of the myopia gap is gone
SELECT corpus, size, gammas, gap, half_gamma, horizon, horizon_low, horizon_high, fitted_horizon, seeds
FROM planning_horizon
ORDER BY corpus, size;
