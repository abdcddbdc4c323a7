-- Loss of answers by tokens, format and class, and the ladder of exact prices
WITH ladder AS (
    SELECT
        max(p.nats) FILTER (WHERE p.capability = 'binds-0') AS binds_0,
        max(p.nats) FILTER (WHERE p.capability = 'binds-1') AS binds_1,
        max(p.nats) FILTER (WHERE p.capability = 'binds-2') AS binds_2,
        max(p.nats) FILTER (WHERE p.capability = 'binds-3') AS binds_3
    FROM thinking_price AS p
    JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    c.trained_format,
    c.answer_format,
    c.step,
    c.tokens,
    c.nats,
    c.nats_low AS low,
    c.nats_high AS high,
    ladder.*,
    k.parameters,
    c.models,
    c.documents
FROM thinking_curve AS c
CROSS JOIN ladder
JOIN model_class AS k
    ON k.corpus = c.corpus AND k.size = c.size AND k.variant = c.variant AND k.is_current
ORDER BY c.corpus, c.answer_format, c.size, c.variant, c.step;
