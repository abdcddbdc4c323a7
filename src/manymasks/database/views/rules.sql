CREATE VIEW rule_choice_by_member AS
SELECT
    m.model,
    m.label,
    m.corpus,
    m.size,
    m.variant,
    m.seed_init,
    m.seed_order,
    c.eps,
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
    c.answered,
    c.questions
FROM rule_choice AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
JOIN current_model AS m ON m.model = c.model;
COMMENT ON VIEW rule_choice_by_member IS 'Which of two rules each current member follows where they disagree. Grain: model, question.';
COMMENT ON COLUMN rule_choice_by_member.model IS 'Member';
COMMENT ON COLUMN rule_choice_by_member.label IS 'Label of its class, corpus/size/variant';
COMMENT ON COLUMN rule_choice_by_member.corpus IS 'Name of the corpus';
COMMENT ON COLUMN rule_choice_by_member.size IS 'Name of the size';
COMMENT ON COLUMN rule_choice_by_member.variant IS 'Name of the variant';
COMMENT ON COLUMN rule_choice_by_member.seed_init IS 'Seed of the initial weights';
COMMENT ON COLUMN rule_choice_by_member.seed_order IS 'Seed of the data order';
COMMENT ON COLUMN rule_choice_by_member.eps IS 'Share of BEFORE documents whose question training answers';
COMMENT ON COLUMN rule_choice_by_member.question IS 'twin: which cue; before: which marked word';
COMMENT ON COLUMN rule_choice_by_member.rule IS 'The rule whose share is given: red, or depth 0';
COMMENT ON COLUMN rule_choice_by_member.other IS 'The other rule: blue, or first';
COMMENT ON COLUMN rule_choice_by_member.preference IS 'Mean of p(rule) / (p(rule) + p(other)) over questions';
COMMENT ON COLUMN rule_choice_by_member.preference_low IS 'Lower end of its interval over questions';
COMMENT ON COLUMN rule_choice_by_member.preference_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_choice_by_member.share IS 'Share of questions at which the rules answer is the likelier of the two';
COMMENT ON COLUMN rule_choice_by_member.share_low IS 'Lower end of its interval (Wilson)';
COMMENT ON COLUMN rule_choice_by_member.share_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_choice_by_member.mass IS 'Mean of p(rule) + p(other): what is not another answer';
COMMENT ON COLUMN rule_choice_by_member.order_effect IS 'Preference where the rules word comes first less where it comes second; NULL where it never differs';
COMMENT ON COLUMN rule_choice_by_member.answered IS 'Mean probability of the right answer to questions of the measure split asked by the same token';
COMMENT ON COLUMN rule_choice_by_member.questions IS 'Questions';

CREATE VIEW rule_choice_over_seeds AS
SELECT
    concat_ws('/', s.corpus, s.size, s.variant) AS label,
    s.corpus,
    s.size,
    s.variant,
    s.eps,
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
    s.from_order,
    s.from_both,
    s.agreement,
    s.agreement_expected,
    s.members,
    s.inits,
    s.questions
FROM rule_spread AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current;
COMMENT ON VIEW rule_choice_over_seeds IS 'The law over seeds of which rule a class follows, in the current study. Grain: corpus, size, variant, question.';
COMMENT ON COLUMN rule_choice_over_seeds.label IS 'Label of the class, corpus/size/variant';
COMMENT ON COLUMN rule_choice_over_seeds.corpus IS 'Name of the corpus';
COMMENT ON COLUMN rule_choice_over_seeds.size IS 'Name of the size';
COMMENT ON COLUMN rule_choice_over_seeds.variant IS 'Name of the variant';
COMMENT ON COLUMN rule_choice_over_seeds.eps IS 'Share of BEFORE documents whose question training answers';
COMMENT ON COLUMN rule_choice_over_seeds.question IS 'twin: which cue; before: which marked word';
COMMENT ON COLUMN rule_choice_over_seeds.rule IS 'The rule whose share is given: red, or depth 0';
COMMENT ON COLUMN rule_choice_over_seeds.mean IS 'Mean preference over members';
COMMENT ON COLUMN rule_choice_over_seeds.mean_low IS 'Lower end of its interval over members and questions';
COMMENT ON COLUMN rule_choice_over_seeds.mean_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_choice_over_seeds.sd IS 'Standard deviation over members';
COMMENT ON COLUMN rule_choice_over_seeds.lowest IS 'Lowest of a member';
COMMENT ON COLUMN rule_choice_over_seeds.highest IS 'Highest of a member';
COMMENT ON COLUMN rule_choice_over_seeds.above_half IS 'Members that prefer the rule';
COMMENT ON COLUMN rule_choice_over_seeds.dip_p IS 'Dip test of members'' preferences: small where they come in more than one heap';
COMMENT ON COLUMN rule_choice_over_seeds.sign_p IS 'Two-sided sign test against 1/2 over seeds of initial weights; for twin a test of the instrument';
COMMENT ON COLUMN rule_choice_over_seeds.from_init IS 'Share of the variance that goes with the seed of the initial weights; NULL where seeds are not crossed';
COMMENT ON COLUMN rule_choice_over_seeds.from_order IS 'Share that goes with the seed of the data order';
COMMENT ON COLUMN rule_choice_over_seeds.from_both IS 'Share left to both together and to chance';
COMMENT ON COLUMN rule_choice_over_seeds.agreement IS 'Share of questions at which two members give the same one of both answers, mean over pairs';
COMMENT ON COLUMN rule_choice_over_seeds.agreement_expected IS 'What it would be if questions were independent given each members share';
COMMENT ON COLUMN rule_choice_over_seeds.members IS 'Members';
COMMENT ON COLUMN rule_choice_over_seeds.inits IS 'Seeds of initial weights among them';
COMMENT ON COLUMN rule_choice_over_seeds.questions IS 'Questions';
