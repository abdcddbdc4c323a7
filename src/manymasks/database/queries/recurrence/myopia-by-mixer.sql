-- Does myopia cost a recurrence less than attention?
SELECT
    g.corpus,
    m.mixer,
    g.size,
    g.baseline,
    g.variant,
    round(g.gap, 4) AS gap,
    round(g.low, 4) AS low,
    round(g.high, 4) AS high,
    g.seeds
FROM myopia_total AS g
JOIN (SELECT DISTINCT corpus, size, mixer FROM current_model) AS m USING (corpus, size)
ORDER BY g.corpus, g.variant, m.mixer, g.size;
