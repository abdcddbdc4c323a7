-- How well exact posteriors are read off the residual stream, by layer, beside controls
SELECT corpus, size, variant, latent, control, layer, r2, r2_lowest, r2_highest, models
FROM belief_by_layer
ORDER BY corpus, size, variant, latent, control <> 'none', control, layer;
