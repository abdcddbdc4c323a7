-- What part of a recurrent state carries the belief about a text?
SELECT
    corpus,
    size,
    variant,
    position,
    scope,
    layer,
    head,
    round(efficacy, 3) AS efficacy,
    round(efficacy_low, 3) AS low,
    round(efficacy_high, 3) AS high,
    round(unedited_nats, 4) AS unedited_nats,
    round(edited_nats, 4) AS edited_nats,
    models
FROM patch_efficacy
ORDER BY corpus, size, variant, position, scope <> 'whole', efficacy DESC;
