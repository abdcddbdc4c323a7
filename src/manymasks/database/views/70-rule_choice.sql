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
