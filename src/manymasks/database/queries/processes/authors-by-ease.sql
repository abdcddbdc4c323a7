-- Is ease, by which authors choose after common cues, carried over to rare ones?
SELECT
    variant,
    cue,
    is_rare,
    round(documents) AS documents,
    round(carried, 3) AS carried,
    round(carried_low, 3) AS carried_low,
    round(carried_high, 3) AS carried_high,
    round(asymmetry, 3) AS asymmetry,
    round(asymmetry_low, 3) AS asymmetry_low,
    round(asymmetry_high, 3) AS asymmetry_high,
    round(expected_spread, 3) AS expected_spread,
    models
FROM authors_by_cue
ORDER BY size, variant, cue;
