-- Do members tell who speaks by their predictions alone, and do seeds share an error in it?
SELECT
    label,
    reading,
    predictor,
    parts_lowest,
    parts_highest,
    round(slowest, 4) AS slowest,
    round(next_slowest, 3) AS next_slowest,
    round(kl, 4) AS kl,
    round(r2, 3) AS r2,
    round(r2_low, 3) AS r2_low,
    round(r2_high, 3) AS r2_high,
    round(between, 3) AS between,
    round(between_low, 3) AS between_low,
    round(between_high, 3) AS between_high,
    round(error_correlation, 3) AS error_correlation,
    round(error_correlation_low, 3) AS low,
    round(error_correlation_high, 3) AS high,
    models
FROM decomposition_by_class
ORDER BY label, reading, predictor <> 'member', predictor;
