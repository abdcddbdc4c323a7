-- Do members steer where cues are rare, and does the choice of authors by ease reach rare cues?
SELECT
    process,
    variant,
    cue,
    is_rare,
    round(documents) AS documents,
    round(slope, 3) AS slope,
    round(slope_low, 3) AS low,
    round(slope_high, 3) AS high,
    round(counted_slope, 3) AS counted,
    round(slope_spread, 3) AS spread,
    round(slope_sd, 3) AS expected_spread,
    round(z, 1) AS z,
    round(share_above, 2) AS share_above,
    models
FROM steering_by_cue
ORDER BY process, size, variant, cue;
