-- Does a predictor make its future easier to predict: by a return, or by predicting alone?
SELECT
    b.label,
    b.slope AS value,
    b.slope_low AS low,
    b.slope_high AS high,
    b.exact_slope AS exact,
    b.dose,
    p.change AS path,
    p.change_low AS path_low,
    p.change_high AS path_high,
    w.change AS walk,
    w.change_low AS walk_low,
    w.change_high AS walk_high,
    b.models
FROM steering_by_arm AS b
JOIN steering_by_arm AS p ON p.label = b.label AND p.arm = 'pathwise'
JOIN steering_by_arm AS w ON w.label = b.label AND w.arm = 'self' AND w.optimizer = 'sgd'
WHERE b.arm = 'return'
QUALIFY b.dose = min(b.dose) OVER (PARTITION BY b.label)
ORDER BY b.label;
