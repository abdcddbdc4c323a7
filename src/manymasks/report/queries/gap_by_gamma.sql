-- The myopia gap against the discount of gradients, and the discount that halves it
SELECT
    a.corpus,
    a.size,
    a.arm,
    a.gamma,
    a.gap,
    a.gap_low AS low,
    a.gap_high AS high,
    a.parameters,
    h.gap AS myopic_gap,
    h.half_gamma,
    h.horizon
FROM arms AS a
LEFT JOIN planning_horizon AS h ON h.corpus = a.corpus AND h.size = a.size
WHERE a.gamma IS NOT NULL AND a.gap IS NOT NULL AND a.corpus IN (FROM text_corpus)
QUALIFY count(*) FILTER (WHERE a.gamma > 0 AND a.gamma < 1) OVER (
    PARTITION BY a.corpus, a.size
) > 0
ORDER BY a.corpus, a.parameters, a.size, a.gamma, a.arm;
