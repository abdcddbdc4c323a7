-- Change of fine-tuned members by steps: masks, machinery, and how evidence is read
SELECT
    corpus,
    size,
    variant,
    arm,
    step,
    kl,
    share_one,
    share_low,
    share_high,
    share_free,
    exact_share_one,
    goal_share_one,
    residual,
    floor,
    alpha,
    identified,
    gamma,
    shift,
    left_over,
    models,
    documents
FROM shift_or_machinery
ORDER BY corpus, size, variant, arm, step;
