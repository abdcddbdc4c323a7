-- Slopes of members' choices on ease by what they were trained for, beside the exact ones
SELECT
    corpus,
    size,
    variant,
    arm,
    optimizer,
    dose,
    slope,
    slope_low,
    slope_high,
    exact_slope,
    error,
    error_low,
    error_high,
    residual,
    log_change,
    log_sd,
    easiest,
    cues_on_easiest,
    runs,
    models
FROM steering_by_arm
WHERE arm <> 'trained' OR corpus IN (SELECT corpus FROM steering_by_arm WHERE arm = 'return')
ORDER BY corpus, size, variant, arm = 'trained' DESC, arm, optimizer, dose;
