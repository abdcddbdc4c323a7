-- Mean KL between all pairs of models on held-out text, ordered by class
WITH ordered AS (
    SELECT
        model,
        concat(size, ' ', variant) AS class,
        row_number() OVER (
            ORDER BY corpus, parameters, size, variant, seed_init, seed_order
        ) AS place
    FROM current_model
)
SELECT
    p.corpus,
    a.class AS class_a,
    b.class AS class_b,
    a.place AS place_a,
    b.place AS place_b,
    p.kl
FROM current_pair AS p
JOIN ordered AS a ON a.model = p.model_a
JOIN ordered AS b ON b.model = p.model_b
WHERE p.is_text AND p.corpus IN (FROM text_corpus)
ORDER BY p.corpus, place_a, place_b;
