-- Does a closed form predict what the deletion of one write does to later logits?
SELECT
    corpus,
    size,
    variant,
    layer,
    is_last,
    distance,
    round(r2, 3) AS r2,
    round(r2_low, 3) AS low,
    round(r2_high, 3) AS high,
    round(cosine, 3) AS cosine,
    round(rms, 4) AS rms,
    models
FROM write_effect_by_layer
ORDER BY corpus, size, variant, layer, distance;
