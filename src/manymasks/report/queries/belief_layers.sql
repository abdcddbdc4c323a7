-- Linear fits of exact posteriors to the residual stream, by layer, beside controls
SELECT
    b.corpus,
    b.size,
    b.variant,
    b.latent,
    b.control,
    b.layer,
    b.r2,
    b.r2_low,
    b.r2_high,
    b.models,
    c.parameters
FROM belief_by_layer AS b
LEFT JOIN model_class AS c ON c.label = b.label AND c.is_current
ORDER BY b.corpus, c.parameters, b.size, b.variant, b.latent, b.control <> 'none', b.control,
    b.layer;
