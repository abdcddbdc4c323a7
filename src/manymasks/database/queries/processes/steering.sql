-- Does a predictor make its future easier to predict, and what has to be optimised for that?
SELECT
    corpus,
    variant,
    arm,
    optimizer,
    dose,
    round(slope, 3) AS slope,
    round(slope_low, 3) AS low,
    round(slope_high, 3) AS high,
    round(exact_slope, 3) AS exact,
    round(error, 3) AS error,
    round(error_low, 3) AS error_low,
    round(error_high, 3) AS error_high,
    round(residual, 3) AS residual,
    round(log_change, 3) AS log_change,
    round(log_sd, 3) AS log_sd,
    round(easiest, 3) AS easiest,
    round(cues_on_easiest, 1) AS cues_on_easiest,
    round(later_excess, 3) AS later_excess,
    runs,
    models
FROM steering_by_arm
ORDER BY corpus, size, variant, arm = 'trained' DESC, arm, optimizer, dose;
