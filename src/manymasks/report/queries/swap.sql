-- How far a prediction follows the donor of a part of the past, by layer
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.site,
    s.layer,
    s.donor,
    s.letters,
    -- The last digits of a mean can differ between runs.
    round(s.followed, 9) AS followed,
    s.low,
    s.high,
    s.bayes,
    s.bayes_low,
    s.bayes_high,
    s.members AS models,
    d.documents,
    c.parameters
FROM swap_by_layer AS s
LEFT JOIN model_class AS c ON c.label = s.label AND c.is_current
LEFT JOIN (
    SELECT m.label, max(w.documents) AS documents
    FROM mask_swap AS w
    JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
    JOIN current_model AS m ON m.model = w.model
    GROUP BY m.label
) AS d ON d.label = s.label
ORDER BY s.corpus, s.letters, s.site DESC, c.parameters, s.size, s.variant, s.donor, s.layer;
