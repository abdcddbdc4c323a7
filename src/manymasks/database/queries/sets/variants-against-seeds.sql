-- Is divergence between variants larger than between seeds of one variant?
SELECT
    corpus,
    size,
    variant_a,
    variant_b,
    round(between_kl, 4) AS between_kl,
    round(between_low, 4) AS low,
    round(between_high, 4) AS high,
    round(within_a_kl, 4) AS within_a_kl,
    round(within_b_kl, 4) AS within_b_kl,
    round(ratio, 3) AS ratio
FROM variant_divergence
WHERE is_text
ORDER BY corpus, size, variant_a, variant_b;
