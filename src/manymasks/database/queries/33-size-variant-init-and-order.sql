-- How much of what sets members apart goes with size, variant, initial weights and data order?
SELECT
    corpus,
    probe,
    severity,
    ordering,
    component,
    round(1000 * bits, 2) AS millibits,
    round(1000 * bits_low, 2) AS low,
    round(1000 * bits_high, 2) AS high,
    round(100 * share, 1) AS percent_of_total,
    round(100 * chance_share, 1) AS percent_by_chance,
    round(100 * entropy_share, 2) AS percent_of_entropy,
    models
FROM behaviour_anova
WHERE kind = 'information' AND ordering <> 'interactions'
QUALIFY severity IN (0, max(severity) OVER (PARTITION BY corpus, probe))
ORDER BY corpus, NOT is_text, probe, severity, ordering, component = 'total', bits DESC;
