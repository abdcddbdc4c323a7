-- The bound of tokens against their best prefix, for the first member of each class
WITH member AS (
    SELECT *
    FROM verdict
    WHERE log_p_best IS NOT NULL
    QUALIFY threshold = max(threshold) OVER ()
        AND (seed_init, seed_order) = min((seed_init, seed_order)) OVER (PARTITION BY label)
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY label ORDER BY log_p_bound, token_id) AS rank,
        count(*) OVER (PARTITION BY label) AS tokens
    FROM member
)
SELECT
    r.corpus,
    r.size,
    r.variant,
    c.parameters,
    round(exp(r.log_p_bound), 9) AS p_bound,
    round(exp(r.log_p_best), 9) AS p_best,
    r.tokens
FROM ranked AS r
LEFT JOIN model_class AS c ON c.label = r.label AND c.is_current
-- At most 128 tokens of a class, evenly over the ranks of their bounds.
WHERE floor(r.rank * 128 / r.tokens) > floor((r.rank - 1) * 128 / r.tokens)
ORDER BY r.corpus, c.parameters, r.size, r.variant, r.rank;
