-- Does the larger class have more models under one loss, more volume and more divergence?
SELECT
    label,
    parameters,
    round(threshold_nats, 4) AS threshold,
    concat(members, ' of ', candidates) AS models,
    round(share_low, 2) AS share_low,
    round(share_high, 2) AS share_high,
    round(log_radius, 3) AS volume_per_weight,
    round(log_radius_low, 3) AS volume_low,
    round(log_radius_high, 3) AS volume_high,
    round(kl, 4) AS kl,
    round(kl_low, 4) AS kl_low,
    round(kl_high, 4) AS kl_high
FROM rashomon_curve
SEMI JOIN text_corpus USING (corpus)
WHERE is_median
ORDER BY corpus, variant, parameters;
