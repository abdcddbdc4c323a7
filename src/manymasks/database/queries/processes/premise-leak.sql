-- Does fine-tuning under one premise change the others?
SELECT
    corpus,
    variant,
    step,
    round(within, 3) AS within,
    round(elsewhere, 3) AS elsewhere,
    round(leak, 3) AS leak,
    round(leak_low, 3) AS low,
    round(leak_high, 3) AS high,
    models
FROM premise_leak
ORDER BY corpus, size, variant, step;
