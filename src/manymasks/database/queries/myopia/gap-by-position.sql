-- At which positions in the window does myopia cost most?
SELECT
    corpus,
    size,
    variant,
    position_low,
    position_high,
    round(gap, 4) AS gap,
    round(low, 4) AS low,
    round(high, 4) AS high
FROM myopia_by_position
ORDER BY corpus, size, variant, position_low;
