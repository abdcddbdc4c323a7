-- Share of models under one loss, log-volume and divergence against size
SELECT
    corpus,
    size,
    variant,
    parameters,
    threshold_nats,
    share,
    share_low,
    share_high,
    log_radius,
    log_radius_low,
    log_radius_high,
    kl,
    kl_low,
    kl_high,
    candidates AS models
FROM rashomon_curve
WHERE is_median AND corpus IN (FROM text_corpus)
ORDER BY corpus, variant, parameters, size;
