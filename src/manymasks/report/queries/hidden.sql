-- Visible and hidden difference of each pair of members, on text and on the furthest probe
SELECT
    d.corpus,
    d.probe,
    d.severity,
    d.is_text,
    d.relation,
    abs(d.visible) AS visible,
    d.hidden
FROM current_pair AS d
JOIN current_probe AS p
    ON p.corpus = d.corpus AND p.probe = d.probe AND p.severity = d.severity
WHERE (p.is_text OR p.is_furthest) AND d.corpus IN (FROM text_corpus)
ORDER BY d.corpus, NOT d.is_text, d.relation <> 'seed', d.relation, d.model_a, d.model_b;
