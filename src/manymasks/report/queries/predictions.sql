-- What was predicted before the run, and what came
SELECT
    measurement,
    concat_ws('/', corpus, size, variant) AS label,
    quantity,
    predicted_low,
    predicted_high,
    seen,
    seen_low,
    seen_high,
    verdict,
    source
FROM predicted_and_seen
ORDER BY measurement, label, quantity;
