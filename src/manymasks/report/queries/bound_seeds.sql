-- The bounds of one seed against those of another of its class
WITH bound AS (
    SELECT label, model, seed_init, seed_order, token_id, log_p_bound
    FROM verdict
    WHERE threshold = (SELECT max(threshold) FROM verdict)
),
pair AS (
    SELECT
        label,
        -- With independent members, the last shares neither seed with the first.
        min((seed_init, seed_order)) AS first_seeds,
        max((seed_init, seed_order)) AS last_seeds
    FROM bound
    GROUP BY label
    HAVING count(DISTINCT model) > 1
),
point AS (
    SELECT
        p.label,
        a.token_id,
        a.log_p_bound AS a,
        b.log_p_bound AS b,
        row_number() OVER (PARTITION BY p.label ORDER BY a.log_p_bound, a.token_id) AS rank,
        count(*) OVER (PARTITION BY p.label) AS tokens
    FROM pair AS p
    JOIN bound AS a ON a.label = p.label AND (a.seed_init, a.seed_order) = p.first_seeds
    JOIN bound AS b
        ON b.label = p.label
        AND (b.seed_init, b.seed_order) = p.last_seeds
        AND b.token_id = a.token_id
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    round(exp(p.a), 9) AS p_a,
    round(exp(p.b), 9) AS p_b,
    p.tokens
FROM point AS p
JOIN model_class AS c ON c.label = p.label AND c.is_current
-- At most 128 tokens of a class, evenly over the ranks of their bounds.
WHERE floor(p.rank * 128 / p.tokens) > floor((p.rank - 1) * 128 / p.tokens)
ORDER BY c.corpus, c.parameters, c.size, c.variant, p.rank;
