-- Which tokens and contexts carry the divergence?
SELECT
    probe,
    severity,
    right(replace(context, chr(10), '⏎'), 48) AS context,
    token,
    first_tokens,
    round(information, 3) AS information,
    round(entropy, 2) AS entropy,
    round(nats, 2) AS loss,
    round(100 * share_of_sample, 1) AS percent_of_sample
FROM most_contested_contexts
QUALIFY row_number() OVER (
    PARTITION BY corpus, probe, severity ORDER BY most_contested_contexts.information DESC
) <= 3
ORDER BY corpus, NOT is_text, probe, severity, most_contested_contexts.information DESC, item;
