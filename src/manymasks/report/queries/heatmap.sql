-- Mean KL between all pairs of models on held-out text, ordered by class
WITH ordered AS (
    SELECT
        model,
        concat(size, ' ', variant) AS class,
        row_number() OVER (
            ORDER BY corpus, parameters, size, variant, seed_init, seed_order
        ) AS index
    FROM current_model
)
SELECT
    p.corpus,
    a.class AS class_a,
    b.class AS class_b,
    a.index AS index_a,
    b.index AS index_b,
    p.kl
FROM current_pair AS p
JOIN ordered AS a ON a.model = p.model_a
JOIN ordered AS b ON b.model = p.model_b
WHERE p.is_text AND p.corpus IN (FROM text_corpus)
ORDER BY p.corpus, index_a, index_b;
