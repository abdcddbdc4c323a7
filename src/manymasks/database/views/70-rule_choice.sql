CREATE VIEW rule_choice_by_member AS
SELECT
    m.model,
    m.label,
    m.corpus,
    m.size,
    m.variant,
    m.seed_init,
    m.seed_order,
    c.answered,
    c.text_seed,
    c.exchanged,
    c.question,
    c.rule,
    c.other,
    c.preference,
    c.preference_low,
    c.preference_high,
    c.share,
    c.share_low,
    c.share_high,
    c.mass,
    c.order_effect,
    c.p_right,
    c.questions
FROM rule_choice AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
JOIN current_model AS m ON m.model = c.model;
COMMENT ON VIEW rule_choice_by_member IS 'A member and a question on which two rules disagree that agree on all training data: which of the two did it learn? Grain: model, question.';
COMMENT ON COLUMN rule_choice_by_member.other IS 'The other rule: blue, or first';
COMMENT ON COLUMN rule_choice_by_member.share IS 'Share of questions at which the rule''s answer is the likelier of the two';
COMMENT ON COLUMN rule_choice_by_member.share_low IS 'Lower end of its interval (Wilson)';
COMMENT ON COLUMN rule_choice_by_member.p_right IS 'Mean probability of the right answer to questions of the measure split asked by the same token';

CREATE VIEW rule_choice_over_seeds AS
SELECT
    concat_ws('/', s.corpus, s.size, s.variant) AS label,
    s.corpus,
    s.size,
    s.variant,
    s.answered,
    s.text_seed,
    s.exchanged,
    s.question,
    s.rule,
    s.mean,
    s.mean_low,
    s.mean_high,
    s.sd,
    s.lowest,
    s.highest,
    s.above_half,
    s.sign_p,
    s.dip_p,
    s.from_init,
    s.from_init_low,
    s.from_init_high,
    s.from_order,
    s.from_order_low,
    s.from_order_high,
    s.from_both,
    s.from_both_low,
    s.from_both_high,
    s.agreement,
    s.agreement_expected,
    s.members,
    s.inits,
    s.questions
FROM rule_spread AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current;
COMMENT ON VIEW rule_choice_over_seeds IS 'A class and such a question, with the distribution of the preferred rule over seeds: does the training data decide, or the seed? Grain: corpus, size, variant, question.';
COMMENT ON COLUMN rule_choice_over_seeds.members IS 'Members';

CREATE VIEW rule_symmetry AS
WITH pair AS (
    SELECT
        a.size,
        a.variant,
        a.answered,
        a.text_seed,
        a.rule,
        a.preference,
        b.preference AS exchanged_preference,
        (a.preference + b.preference) / 2 AS over_both,
        (a.preference - b.preference) / 2 AS by_text,
        -- Crossed members share seeds, and a mean over them has no interval here.
        a.seed_init,
        a.seed_order
    FROM rule_choice_by_member AS a
    JOIN rule_choice_by_member AS b
        ON b.exchanged
        AND b.size = a.size
        AND b.variant = a.variant
        AND b.answered = a.answered
        AND b.text_seed = a.text_seed
        AND b.question = a.question
        AND b.seed_init = a.seed_init
        AND b.seed_order = a.seed_order
    WHERE a.question = 'twin' AND NOT a.exchanged
),
class AS (
    SELECT
        size,
        variant,
        answered,
        text_seed,
        rule,
        avg(preference) AS preference,
        avg(exchanged_preference) AS exchanged_preference,
        avg(over_both) AS over_both,
        stddev_samp(over_both) AS over_both_sd,
        avg(by_text) AS by_text,
        stddev_samp(by_text) AS by_text_sd,
        count(*) AS seeds,
        greatest(count(DISTINCT seed_init), count(DISTINCT seed_order)) AS independent
    FROM pair
    GROUP BY ALL
)
SELECT
    size,
    variant,
    answered,
    text_seed,
    rule,
    preference,
    exchanged_preference,
    over_both,
    over_both - half_width * over_both_sd AS over_both_low,
    over_both + half_width * over_both_sd AS over_both_high,
    by_text,
    by_text - half_width * by_text_sd AS by_text_low,
    by_text + half_width * by_text_sd AS by_text_high,
    seeds
FROM class
LEFT JOIN mean_interval ON n = seeds AND n = independent
ORDER BY size, variant, answered, text_seed;
COMMENT ON VIEW rule_symmetry IS 'A text of fork beside its copy with the colours exchanged, with the preferences of members trained on either, paired by seeds: does the text decide which colour is preferred, or chance? Over both copies the mean preference is 1/2 for any network, whatever the text. Grain: size, variant, answered, text_seed.';
COMMENT ON COLUMN rule_symmetry.rule IS 'The rule that a preference of 1 follows: red';
COMMENT ON COLUMN rule_symmetry.preference IS 'Mean preference of members trained on the text';
COMMENT ON COLUMN rule_symmetry.exchanged_preference IS 'The same on the copy';
COMMENT ON COLUMN rule_symmetry.over_both IS 'Mean over the two copies; its null is exactly 1/2';
COMMENT ON COLUMN rule_symmetry.over_both_low IS 'Lower end of its interval over seeds';
COMMENT ON COLUMN rule_symmetry.by_text IS 'Half of the difference between the copies: how far this text moves the mean preference from 1/2';
COMMENT ON COLUMN rule_symmetry.by_text_low IS 'Lower end of its interval over seeds';
COMMENT ON COLUMN rule_symmetry.seeds IS 'Pairs of members with the same seeds';
