-- Known processes: how much of the exact belief is linearly decodable, by layer?
SELECT
    label,
    latent,
    layer,
    control,
    round(r2, 3) AS r2,
    round(r2_low, 3) AS low,
    round(r2_high, 3) AS high,
    round(r2_lowest, 3) AS lowest,
    round(r2_highest, 3) AS highest,
    models
FROM belief_by_layer
WHERE control != 'shuffled'
ORDER BY label, latent, control = 'none' DESC, control, layer;
