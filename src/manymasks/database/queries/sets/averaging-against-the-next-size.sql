-- Does averaging the members of a class gain more than the next size does?
SELECT
    label,
    next_size,
    round(ensemble_gain, 4) AS gain,
    round(gain_low, 4) AS gain_low,
    round(gain_high, 4) AS gain_high,
    round(headroom, 4) AS headroom,
    round(headroom_low, 4) AS headroom_low,
    round(headroom_high, 4) AS headroom_high,
    round(100 * ensemble_gain / nullif(headroom, 0), 1) AS percent_of_headroom,
    printf('%.1e', p) AS p,
    models
FROM headroom_test
ORDER BY corpus, variant, headroom_test.headroom DESC;
