-- Beliefs about a hidden state along documents: exact, and read from one member per class
WITH best AS (
    SELECT b.model, b.layer
    FROM (SELECT DISTINCT artifact, model, layer FROM belief_path) AS b
    JOIN artifact AS a ON a.artifact = b.artifact AND a.is_current
    LEFT JOIN belief_fit AS f
        ON f.artifact = b.artifact
        AND f.model = b.model
        AND f.layer = b.layer
        AND f.latent IN ('letter_state', 'state')
        AND f.control = 'none'
    -- The level with the best fit.
    QUALIFY row_number() OVER (PARTITION BY b.model ORDER BY f.r2 DESC, b.layer) = 1
)
SELECT
    m.label,
    b.model,
    b.layer,
    b.document,
    b.letters,
    b.token,
    b.mask,
    b.truth_a,
    b.truth_b,
    b.truth_c,
    b.read_a,
    b.read_b,
    b.read_c
FROM belief_path AS b
JOIN best USING (model, layer)
JOIN artifact AS a ON a.artifact = b.artifact AND a.is_current
JOIN current_model AS m ON m.model = b.model
ORDER BY m.label, b.model, b.document, b.letters;
