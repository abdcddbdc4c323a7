-- Jensen-Shannon divergence of all pairs of members, from held-out text to the furthest probe
WITH shown AS (
    SELECT
        p.corpus,
        p.probe,
        p.severity,
        p.is_text,
        row_number() OVER (
            PARTITION BY p.corpus ORDER BY NOT p.is_text, p.severity
        ) AS panel
    FROM current_probe AS p
    JOIN current_probe AS f ON f.corpus = p.corpus AND f.is_furthest
    WHERE p.is_text
        OR (p.probe = f.probe AND p.severity IN (ceil(f.severity / 2), f.severity))
)
SELECT
    d.corpus,
    s.panel,
    d.probe,
    d.severity,
    d.is_text,
    d.model_a,
    d.model_b,
    a.size AS size_a,
    b.size AS size_b,
    a.variant AS variant_a,
    b.variant AS variant_b,
    a.parameters AS parameters_a,
    b.parameters AS parameters_b,
    d.js
FROM current_pair AS d
JOIN shown AS s ON s.corpus = d.corpus AND s.probe = d.probe AND s.severity = d.severity
JOIN current_model AS a ON a.model = d.model_a
JOIN current_model AS b ON b.model = d.model_b
WHERE d.corpus IN (FROM text_corpus) AND d.js IS NOT NULL
ORDER BY d.corpus, s.panel, d.model_a, d.model_b;
