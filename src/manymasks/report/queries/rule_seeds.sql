-- Preference between two rules over the seeds of a class
SELECT
    corpus,
    size,
    variant,
    answered,
    question,
    rule,
    mean,
    mean_low,
    mean_high,
    sd,
    lowest,
    highest,
    above_half,
    sign_p,
    from_init,
    from_order,
    from_both,
    agreement,
    agreement_expected,
    members,
    inits,
    questions
FROM rule_choice_over_seeds
ORDER BY question DESC, answered, corpus, size, variant;
