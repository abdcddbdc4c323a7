-- On which tokens do equally good models disagree most?
SELECT
    label,
    document,
    position,
    token,
    round(effective_models, 2) AS effective_models,
    distinct_top1,
    round(p_low, 4) AS p_low,
    round(p_high, 4) AS p_high,
    round(pair_range, 3) AS largest_variation
FROM contested_positions
WHERE method = 'trained' AND members > 1
ORDER BY contested_positions.effective_models DESC, label, position
LIMIT 20;
