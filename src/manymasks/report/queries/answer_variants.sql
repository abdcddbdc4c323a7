-- Does the variant matter more than the seed on held-out text?
SELECT corpus, size, variant_a, variant_b, between_kl AS value, between_low AS low,
    between_high AS high, greatest(within_a_kl, within_b_kl) AS within, ratio
FROM variant_divergence
SEMI JOIN text_corpus USING (corpus)
WHERE is_text AND between_low IS NOT NULL
    AND coalesce(within_a_kl, within_b_kl) IS NOT NULL
ORDER BY corpus, size, variant_a, variant_b;
