-- KL between all pairs of members, on held-out text and on the furthest probe
WITH member AS (
    SELECT
        m.model,
        m.size,
        m.variant,
        m.parameters,
        concat(m.size, ' ', m.variant, ' i', m.seed_init, '-o', m.seed_order) AS name
    FROM current_model AS m
)
SELECT
    d.corpus,
    d.probe,
    d.severity,
    d.is_text,
    a.name AS name_a,
    b.name AS name_b,
    a.size AS size_a,
    b.size AS size_b,
    a.variant AS variant_a,
    b.variant AS variant_b,
    d.kl
FROM current_pair AS d
JOIN current_probe AS p
    ON p.corpus = d.corpus AND p.probe = d.probe AND p.severity = d.severity
JOIN member AS a ON a.model = d.model_a
JOIN member AS b ON b.model = d.model_b
WHERE (p.is_text OR p.is_furthest) AND d.corpus IN (FROM text_corpus) AND d.kl IS NOT NULL
ORDER BY d.corpus, NOT d.is_text, name_a, name_b;
