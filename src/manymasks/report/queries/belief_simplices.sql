-- Beliefs about the state that emitted the last letter: exact, and fitted to one member per class
WITH chosen AS (
    SELECT m.model, m.corpus, m.size, m.variant, b.layer, p.r2
    FROM (SELECT DISTINCT artifact, model, layer FROM belief_point) AS b
    JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
    JOIN current_model AS m ON m.model = b.model AND m.status = 'trained'
    LEFT JOIN belief_fit AS p
        ON p.artifact = b.artifact
        AND p.model = b.model
        AND p.layer = b.layer
        AND p.latent IN ('letter_state', 'state')
        AND p.control = 'none'
    -- The first seeds of the largest size, at the level with the best fit.
    QUALIFY row_number() OVER (
        PARTITION BY m.corpus, m.variant
        ORDER BY m.parameters DESC, m.size, m.seed_init, m.seed_order, p.latent, p.r2 DESC
    ) = 1
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    b.layer,
    c.r2,
    b.mask,
    b.point,
    b.truth_a,
    b.truth_b,
    b.truth_c,
    b.read_a,
    b.read_b,
    b.read_c
FROM chosen AS c
JOIN belief_point AS b ON b.model = c.model AND b.layer = c.layer
JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
ORDER BY c.corpus, c.variant, b.mask, b.point;
