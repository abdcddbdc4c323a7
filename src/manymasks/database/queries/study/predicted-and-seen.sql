-- What was predicted before the run, and what came?
SELECT
    measurement,
    concat_ws('/', corpus, size, variant) AS label,
    quantity,
    predicted_low,
    predicted_high,
    round(seen, 4) AS seen,
    round(seen_low, 4) AS seen_low,
    round(seen_high, 4) AS seen_high,
    verdict,
    source
FROM predicted_and_seen
ORDER BY measurement, label, quantity;
