CREATE VIEW shift_or_machinery AS
WITH change AS (
    SELECT
        l.artifact,
        l.model,
        l.step,
        l.arm,
        avg(l.kl) AS kl,
        CASE WHEN avg(l.kl) > 1e-9 THEN 1 - avg(l.kl_one) / avg(l.kl) END AS share_one,
        CASE WHEN avg(l.kl) > 1e-9 THEN 1 - avg(l.kl_free) / avg(l.kl) END AS share_free,
        CASE WHEN avg(l.goal_kl) > 1e-9 THEN 1 - avg(l.goal_kl_one) / avg(l.goal_kl) END
            AS goal_share_one,
        avg(l.residual) AS residual,
        avg(l.base_residual) AS base_residual,
        avg(l.floor) AS floor,
        avg(l.from_changed) AS from_changed,
        avg(l.from_original) AS from_original,
        min(l.documents) AS documents
    FROM tuned_law AS l
    JOIN artifact AS e ON e.artifact = l.artifact AND e.is_current
    GROUP BY ALL
),
exact AS (
    SELECT artifact, arm, kl, share_one, share_free FROM change WHERE model = 'bayes'
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        c.arm,
        c.step,
        any_value(x.kl) AS exact_kl,
        any_value(x.share_one) AS exact_share_one,
        any_value(x.share_free) AS exact_share_free,
        avg(c.kl) AS kl,
        stddev_samp(c.kl) AS kl_sd,
        avg(c.share_one) AS share_one,
        stddev_samp(c.share_one) AS share_sd,
        avg(c.share_free) AS share_free,
        avg(c.goal_share_one) AS goal_share_one,
        avg(c.residual) AS residual,
        stddev_samp(c.residual) AS residual_sd,
        avg(c.base_residual) AS base_residual,
        any_value(c.floor) AS floor,
        avg(c.from_changed) AS from_changed,
        avg(c.from_original) AS from_original,
        avg(r.alpha) AS alpha,
        stddev_samp(r.alpha) AS alpha_sd,
        -- A range without an end is no narrower than those that have one.
        CASE WHEN count(r.alpha_low) = count(*) THEN min(r.alpha_low) END AS alpha_lowest,
        CASE WHEN count(r.alpha_high) = count(*) THEN max(r.alpha_high) END AS alpha_highest,
        count(*) FILTER (WHERE r.is_identified) AS identified,
        avg(r.gamma) AS gamma,
        avg(r.shift) AS shift,
        avg(r.left_over) AS left_over,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent,
        min(c.documents) AS documents
    FROM change AS c
    JOIN current_model AS m ON m.model = c.model
    JOIN tuned_reading AS r
        ON r.artifact = c.artifact AND r.model = c.model AND r.arm = c.arm AND r.step = c.step
    LEFT JOIN exact AS x ON x.artifact = c.artifact AND x.arm = c.arm
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    arm,
    step,
    kl,
    kl - half_width * kl_sd AS kl_low,
    kl + half_width * kl_sd AS kl_high,
    share_one,
    share_one - half_width * share_sd AS share_low,
    share_one + half_width * share_sd AS share_high,
    share_free,
    exact_kl,
    exact_share_one,
    exact_share_free,
    goal_share_one,
    residual,
    residual - half_width * residual_sd AS residual_low,
    residual + half_width * residual_sd AS residual_high,
    base_residual,
    floor,
    from_changed,
    from_original,
    alpha,
    alpha - half_width * alpha_sd AS alpha_low,
    alpha + half_width * alpha_sd AS alpha_high,
    alpha_lowest,
    alpha_highest,
    identified,
    gamma,
    shift,
    left_over,
    models,
    documents
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, arm, step;
COMMENT ON VIEW shift_or_machinery IS 'A class of fine-tuned members after some steps, with the share of the change that one shift of the masks'' log-weights explains, and how evidence and premise are still read: did fine-tuning move the masks or the machinery? Grain: corpus, size, variant, arm, step.';
COMMENT ON COLUMN shift_or_machinery.arm IS 'What the documents change: one mask, prior, one premise, new mask; revived: nothing, after another fine-tuning; fresh: nothing, from drawn weights. Letter reward and mask reward: trained by it on documents of the member, with a KL penalty; letter optimum and mask optimum: trained on documents of its exact optimum';
COMMENT ON COLUMN shift_or_machinery.kl IS 'KL of three letters from the members to those where they started, mean over prompts and members, nats; NULL for fresh members';
COMMENT ON COLUMN shift_or_machinery.kl_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN shift_or_machinery.share_one IS 'Share of kl that one shift of the masks'' log-weights explains; 1 for a law stuck on one mask too';
COMMENT ON COLUMN shift_or_machinery.share_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN shift_or_machinery.share_free IS 'Share of kl that weights chosen for each prompt explain';
COMMENT ON COLUMN shift_or_machinery.exact_kl IS 'kl of the exact law that the fine-tuning leads to, to that of the process, nats; NULL without a changed law or reward';
COMMENT ON COLUMN shift_or_machinery.exact_share_one IS 'share_one of that law';
COMMENT ON COLUMN shift_or_machinery.exact_share_free IS 'share_free of that law';
COMMENT ON COLUMN shift_or_machinery.goal_share_one IS 'share_one of members that went from where they started to exactly that law, mean over members: below exact_share_one where they started with errors, whose correction is no shift';
COMMENT ON COLUMN shift_or_machinery.residual IS 'KL to the closest mixture of the four masks, what no mask explains, nats';
COMMENT ON COLUMN shift_or_machinery.residual_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN shift_or_machinery.base_residual IS 'The same where they started, nats';
COMMENT ON COLUMN shift_or_machinery.floor IS 'The same for the exact law that the fine-tuning leads to, nats';
COMMENT ON COLUMN shift_or_machinery.from_changed IS 'KL from the exact law that the fine-tuning leads to, nats';
COMMENT ON COLUMN shift_or_machinery.from_original IS 'KL from the exact law of the process, nats';
COMMENT ON COLUMN shift_or_machinery.alpha IS 'Share of the exact evidence that is read, mean over members; read it where all are identified';
COMMENT ON COLUMN shift_or_machinery.alpha_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN shift_or_machinery.alpha_lowest IS 'Lowest alpha whose fit is at most 20% worse than the best, over members; NULL where that of one has no end';
COMMENT ON COLUMN shift_or_machinery.alpha_highest IS 'Highest such alpha';
COMMENT ON COLUMN shift_or_machinery.identified IS 'Members whose alpha is identified';
COMMENT ON COLUMN shift_or_machinery.gamma IS 'Share of the premise that is read';
COMMENT ON COLUMN shift_or_machinery.shift IS 'Shift of the log-weights of the other three masks against the likeliest of the law that the fine-tuning leads to, nats';
COMMENT ON COLUMN shift_or_machinery.left_over IS 'Mean KL that the fit of alpha, gamma and the shifts leaves, nats';

CREATE VIEW wake_curve AS
WITH member AS (
    SELECT w.artifact, w.model, w.step, w.arm, w.letters,
        avg(w.weight) AS weight,
        avg(w.base_weight) AS base_weight,
        avg(w.bayes) AS bayes,
        avg(w.bayes_before) AS bayes_before
    FROM tuned_wake AS w
    JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
    WHERE NOT w.is_reference
    GROUP BY ALL
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        w.arm,
        w.step,
        w.letters,
        avg(w.weight) AS weight,
        stddev_samp(w.weight) AS sd,
        avg(w.base_weight) AS base_weight,
        any_value(w.bayes) AS bayes,
        any_value(w.bayes_before) AS bayes_before,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM member AS w
    JOIN current_model AS m ON m.model = w.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    arm,
    step,
    letters,
    weight,
    weight - half_width * sd AS weight_low,
    weight + half_width * sd AS weight_high,
    base_weight,
    bayes,
    bayes_before,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, arm, step, letters;
COMMENT ON VIEW wake_curve IS 'A class of fine-tuned members after some steps and letters, on prompts of the three masks that their documents do not favour, with the weight of the mask of the prompt: is it dormant, so that letters wake it, or gone? Grain: corpus, size, variant, arm, step, letters.';
COMMENT ON COLUMN wake_curve.arm IS 'What the documents change, as in shift_or_machinery';
COMMENT ON COLUMN wake_curve.weight IS 'Weight of the mask of the prompt in the mixture closest to the members, mean over prompts and members';
COMMENT ON COLUMN wake_curve.weight_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN wake_curve.base_weight IS 'The same where they started; NULL for fresh members';
COMMENT ON COLUMN wake_curve.bayes IS 'Exact probability of the mask of the prompt under the changed law';
COMMENT ON COLUMN wake_curve.bayes_before IS 'The same under the law of the process';

CREATE VIEW premise_leak AS
WITH member AS (
    SELECT p.model, p.step,
        avg(p.weight - p.base_weight) FILTER (WHERE p.is_changed) AS within,
        avg(p.weight - p.base_weight) FILTER (WHERE NOT p.is_changed) AS elsewhere
    FROM tuned_premise AS p
    JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
    WHERE p.arm = 'one premise'
    GROUP BY ALL
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        p.step,
        avg(p.within) AS within,
        avg(p.elsewhere) AS elsewhere,
        avg(p.elsewhere / nullif(p.within, 0)) AS leak,
        stddev_samp(p.elsewhere / nullif(p.within, 0)) AS sd,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM member AS p
    JOIN current_model AS m ON m.model = p.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    step,
    within,
    elsewhere,
    leak,
    leak - half_width * sd AS leak_low,
    leak + half_width * sd AS leak_high,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, step;
COMMENT ON VIEW premise_leak IS 'A class that was fine-tuned on documents of one premise, after some steps, with how far the weight of their mask moved under that premise and under the others, before any letters: does the change stay where it was taught? Bayes changes one premise. Grain: corpus, size, variant, step.';
COMMENT ON COLUMN premise_leak.within IS 'Rise of the weight under the premise of the documents, mean over members';
COMMENT ON COLUMN premise_leak.elsewhere IS 'Rise of the weight under the other premises';
COMMENT ON COLUMN premise_leak.leak IS 'elsewhere / within: 0 for Bayes';
COMMENT ON COLUMN premise_leak.leak_low IS 'Lower end of its t interval over members, NULL for a single one';
