-- Do bounds loosen as training goes on?
SELECT
    label,
    step,
    threshold,
    round(proved, 3) AS proved,
    round(low, 3) AS low,
    round(high, 3) AS high,
    models
FROM provable_share
ORDER BY label, threshold, step;
