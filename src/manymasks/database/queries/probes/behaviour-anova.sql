-- How much of the difference between members is due to size, variant and each seed?
SELECT
    a.corpus,
    a.probe,
    a.severity,
    a.ordering,
    a.component,
    round(1000 * a.bits, 1) AS millibits,
    round(1000 * a.bits_low, 1) AS low,
    round(1000 * a.bits_high, 1) AS high,
    round(100 * a.share, 1) AS percent_of_total,
    round(100 * a.chance_share, 1) AS percent_by_chance,
    round(100 * a.entropy_share, 2) AS percent_of_entropy,
    a.models
FROM behaviour_anova AS a
JOIN current_probe AS p USING (corpus, probe, severity)
SEMI JOIN text_corpus AS t ON t.corpus = a.corpus
WHERE a.kind = 'information'
    AND a.ordering <> 'interactions'
    AND ((a.is_text AND a.severity = 0) OR p.is_furthest)
ORDER BY a.corpus, NOT a.is_text, a.ordering DESC, a.component = 'total', a.bits DESC;
