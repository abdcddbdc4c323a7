-- Known processes: does the text decide which of two equal rules is learned, or chance?
SELECT
    size,
    variant,
    answered,
    text_seed,
    round(preference, 2) AS preference,
    round(exchanged_preference, 2) AS exchanged,
    round(over_both, 2) AS over_both,
    round(over_both_low, 2) AS over_both_low,
    round(over_both_high, 2) AS over_both_high,
    round(by_text, 2) AS by_text,
    round(by_text_low, 2) AS by_text_low,
    round(by_text_high, 2) AS by_text_high,
    seeds
FROM rule_symmetry
ORDER BY size, variant, answered, text_seed;
