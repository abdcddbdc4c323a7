-- The bounds of one seed against those of another of its class
WITH member AS (
    SELECT
        m.label,
        m.model,
        row_number() OVER (PARTITION BY m.label ORDER BY m.seed_init, m.seed_order) AS number,
        count(*) OVER (PARTITION BY m.label) AS members
    FROM current_model AS m
    SEMI JOIN universal_bound USING (model)
),
pair AS (
    SELECT
        x.label,
        x.log_p_bound AS a,
        y.log_p_bound AS b,
        row_number() OVER (PARTITION BY x.label ORDER BY x.log_p_bound, x.token_id) AS rank,
        count(*) OVER (PARTITION BY x.label) AS tokens,
        x.label AS class
    FROM (SELECT v.*, m.number FROM verdict AS v JOIN member AS m USING (model)) AS x
    JOIN (
        -- The last member shares neither seed with the first one.
        SELECT v.*, m.number, m.members FROM verdict AS v JOIN member AS m USING (model)
    ) AS y USING (label, token_id, threshold)
    WHERE x.number = 1 AND y.number = y.members AND y.number > 1
    QUALIFY threshold = max(threshold) OVER ()
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    round(exp(p.a), 9) AS p_a,
    round(exp(p.b), 9) AS p_b,
    p.tokens
FROM pair AS p
JOIN model_class AS c ON c.label = p.label AND c.is_current
WHERE floor(p.rank * 256 / p.tokens) > floor((p.rank - 1) * 256 / p.tokens)
ORDER BY c.corpus, c.parameters, c.size, c.variant, p.rank;
