-- Is a posterior read more easily from a recurrent state than from a stream of equal dimension?
SELECT
    corpus,
    variant,
    latent,
    mixer,
    site,
    probe,
    control,
    coalesce(components::VARCHAR, 'all') AS components,
    round(mean_components) AS mean_components,
    round(r2, 3) AS r2,
    round(r2_low, 3) AS low,
    round(r2_high, 3) AS high,
    models
FROM reading_by_dimension
WHERE control <> 'shuffled'
ORDER BY corpus, variant, latent, control, probe, mean_components, site, mixer;
