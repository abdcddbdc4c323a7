-- What share of tokens provably never exceeds a probability, and how much is refuted or open?
SELECT
    label,
    threshold,
    round(proved, 3) AS proved,
    round(low, 3) AS low,
    round(high, 3) AS high,
    round(proved_seen, 3) AS proved_seen,
    round(refuted, 3) AS refuted,
    round(open, 3) AS open,
    models
FROM provable_share
WHERE is_final
ORDER BY label, threshold;
