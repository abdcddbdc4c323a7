-- On which tokens do equally good models say most different things?
SELECT
    c.label,
    c.document,
    c.position,
    c.token,
    round(c.effective_models, 2) AS effective_models,
    c.distinct_top1,
    round(c.p_low, 4) AS p_low,
    round(c.p_high, 4) AS p_high,
    round(c.pair_range, 3) AS largest_variation
FROM contested_positions AS c
WHERE c.method = 'trained' AND c.members > 1
ORDER BY c.effective_models DESC, c.label, c.position
LIMIT 20;
