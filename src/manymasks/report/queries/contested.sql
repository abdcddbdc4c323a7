-- The positions that members disagree on most: of text, then of the furthest probe
SELECT
    c.corpus,
    c.probe,
    c.severity,
    c.context,
    c.token,
    c.first_tokens,
    c.information,
    c.entropy,
    c.nats
FROM most_contested_contexts AS c
JOIN current_probe AS p
    ON p.corpus = c.corpus AND p.probe = c.probe AND p.severity = c.severity
WHERE (p.is_text OR p.is_furthest) AND c.corpus IN (FROM text_corpus)
QUALIFY row_number() OVER (
    PARTITION BY c.corpus, c.probe, c.severity
    ORDER BY c.information DESC, c.item, c.position
) <= 6
ORDER BY c.corpus, NOT p.is_text, c.information DESC, c.item, c.position;
