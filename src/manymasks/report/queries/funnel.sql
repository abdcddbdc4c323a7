-- Members left as constraints are added in random orders, and their divergence
SELECT
    f.corpus,
    f.size,
    f.variant,
    f.constraints,
    f.survivors,
    f.survivors_lower_quantile,
    f.survivors_upper_quantile,
    f.independent_share * f.models AS independent,
    f.share,
    f.independent_share,
    f.log_ratio,
    f.kl,
    f.kl_lower_quantile,
    f.kl_upper_quantile,
    f.models AS members,
    s.parameters
FROM funnel AS f
LEFT JOIN (
    SELECT corpus, size, max(parameters) AS parameters FROM current_model GROUP BY corpus, size
) AS s ON s.corpus = f.corpus AND s.size = f.size
WHERE f.corpus IN (FROM text_corpus)
ORDER BY f.corpus, s.parameters, f.size, f.variant IS NULL, f.variant, f.constraints;
