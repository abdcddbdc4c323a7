-- Does fine-tuning move the probabilities of the masks, or the machinery?
SELECT
    corpus,
    variant,
    arm,
    step,
    round(kl, 4) AS kl,
    round(share_one, 3) AS share_one,
    round(share_free, 3) AS share_free,
    round(exact_share_one, 3) AS exact_share_one,
    round(exact_share_free, 3) AS exact_share_free,
    round(goal_share_one, 3) AS goal_share_one,
    round(residual, 4) AS residual,
    round(floor, 4) AS floor,
    round(alpha, 3) AS alpha,
    identified,
    round(gamma, 3) AS gamma,
    round(shift, 2) AS shift,
    round(left_over, 4) AS left_over,
    models
FROM shift_or_machinery
ORDER BY corpus, size, variant, arm, step;
