-- Posteriors read from members by the number of principal components, at each site
SELECT
    corpus,
    size,
    mixer,
    variant,
    latent,
    site,
    control,
    mean_components AS components,
    r2,
    r2_low,
    r2_high,
    models,
    documents,
    effective_documents
FROM reading_by_dimension
WHERE probe = 'ridge' AND control IN ('none', 'last-letters')
ORDER BY corpus, latent, mixer, size, variant, site, components;
