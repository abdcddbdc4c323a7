-- Which tokens and contexts cause the most divergence, on text and furthest from it?
SELECT
    c.probe,
    c.severity,
    right(regexp_replace(replace(c.context, chr(10), '⏎'), ' +', '␣', 'g'), 32) AS context,
    replace(replace(c.token, chr(10), '⏎'), ' ', '␣') AS token,
    regexp_replace(c.first_tokens, ' {2,}', '␣', 'g') AS first_tokens,
    round(c.information, 3) AS information,
    round(c.entropy, 2) AS entropy,
    round(c.nats, 2) AS loss,
    round(100 * c.share_of_sample, 1) AS percent_of_sample
FROM most_contested_contexts AS c
JOIN current_probe AS p USING (corpus, probe, severity)
SEMI JOIN text_corpus AS t ON t.corpus = c.corpus
WHERE (c.is_text AND c.severity = 0) OR p.is_furthest
QUALIFY row_number() OVER (
    PARTITION BY c.corpus, c.probe, c.severity ORDER BY c.information DESC, c.item
) <= 4
ORDER BY c.corpus, NOT c.is_text, c.probe, c.information DESC, c.item;
