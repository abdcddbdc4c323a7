-- Slopes after rare cues against documents of the cue, by what authors choose by elsewhere
SELECT
    c.process,
    m.size,
    m.variant,
    c.cue,
    c.documents,
    c.slope,
    c.slope_sd
FROM steering_cue AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
JOIN current_model AS m ON m.model = c.model
WHERE c.arm = 'trained' AND c.is_rare
ORDER BY c.process = 'steer-rare' DESC, c.process, m.size, m.variant, c.cue, m.corpus;
