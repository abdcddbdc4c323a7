-- Divergence between members of a class by prompt length, and the entropy of the mask given it
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.position,
    s.kl,
    s.kl_low AS low,
    s.kl_high AS high,
    s.floor,
    s.entropy,
    s.posterior_entropy,
    s.models,
    s.documents,
    c.parameters
FROM spread_by_position AS s
LEFT JOIN model_class AS c
    ON c.corpus = s.corpus AND c.size = s.size AND c.variant = s.variant AND c.is_current
WHERE s.latent = 'mask'
ORDER BY s.corpus, c.parameters, s.size, s.variant, s.position;
