-- Eigenvalues of the operator of one letter that members, noise and exact predictors imply
WITH class AS (
    SELECT DISTINCT c.artifact, c.corpus, c.size, c.variant, c.models, c.documents
    FROM decomposition_class AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    s.predictor,
    s.model,
    s.number,
    s.re,
    s.im,
    c.models,
    c.documents
FROM operator_spectrum AS s
JOIN class AS c ON c.artifact = s.artifact
LEFT JOIN current_model AS m ON m.model = s.model
WHERE
    s.predictor <> 'exchanged'
    AND (
        s.model IS NULL
        OR (m.corpus = c.corpus AND m.size = c.size AND m.variant = c.variant)
    )
ORDER BY c.corpus, c.size, c.variant, s.predictor, s.model, s.number;
