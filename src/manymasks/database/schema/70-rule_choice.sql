CREATE TABLE rule_choice (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    answered DOUBLE,
    question VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    preference DOUBLE,
    preference_low DOUBLE,
    preference_high DOUBLE,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    mass DOUBLE,
    order_effect DOUBLE,
    p_right DOUBLE,
    questions INTEGER
);
COMMENT ON TABLE rule_choice IS 'Which of two rules a member follows where they disagree. Grain: artifact, model, question.';
COMMENT ON COLUMN rule_choice.artifact IS 'Rules artifact';
COMMENT ON COLUMN rule_choice.answered IS 'Share of BEFORE documents that end with a question in training';
COMMENT ON COLUMN rule_choice.other IS 'The other rule: blue, or first';
COMMENT ON COLUMN rule_choice.preference IS 'Mean of p(rule) / (p(rule) + p(other)) over questions';
COMMENT ON COLUMN rule_choice.preference_low IS 'Lower end of its interval over questions';
COMMENT ON COLUMN rule_choice.share IS 'Share of questions at which the rule''s answer is the likelier of the two';
COMMENT ON COLUMN rule_choice.share_low IS 'Lower end of its interval (Wilson)';
COMMENT ON COLUMN rule_choice.mass IS 'Mean of p(rule) + p(other): what is not another answer';
COMMENT ON COLUMN rule_choice.order_effect IS 'Preference where the rule''s word comes first less where it comes second; NULL where it never differs';
COMMENT ON COLUMN rule_choice.p_right IS 'Mean probability of the right answer where training told it: to questions of the measure split asked by the same token, ?t for twin and ?h for before';

CREATE TABLE rule_spread (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    answered DOUBLE,
    question VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    mean DOUBLE,
    mean_low DOUBLE,
    mean_high DOUBLE,
    sd DOUBLE,
    lowest DOUBLE,
    highest DOUBLE,
    above_half INTEGER,
    sign_p DOUBLE,
    dip_p DOUBLE,
    from_init DOUBLE,
    from_init_low DOUBLE,
    from_init_high DOUBLE,
    from_order DOUBLE,
    from_order_low DOUBLE,
    from_order_high DOUBLE,
    from_both DOUBLE,
    from_both_low DOUBLE,
    from_both_high DOUBLE,
    agreement DOUBLE,
    agreement_expected DOUBLE,
    members INTEGER,
    inits INTEGER,
    questions INTEGER
);
COMMENT ON TABLE rule_spread IS 'The law of a preference over the seeds of a class. Grain: artifact, size, variant, question.';
COMMENT ON COLUMN rule_spread.artifact IS 'Rules artifact';
COMMENT ON COLUMN rule_spread.answered IS 'Share of BEFORE documents that end with a question in training';
COMMENT ON COLUMN rule_spread.mean IS 'Mean preference over seeds of initial weights, each by its mean over data orders';
COMMENT ON COLUMN rule_spread.mean_low IS 'Lower end of its interval: t over seeds of initial weights, joined with questions; data orders and text as they are. NULL for one seed';
COMMENT ON COLUMN rule_spread.sd IS 'Standard deviation over members';
COMMENT ON COLUMN rule_spread.above_half IS 'Members that prefer the rule';
COMMENT ON COLUMN rule_spread.dip_p IS 'Dip test of members'' preferences: small where they come in more than one heap; NULL below 4 members';
COMMENT ON COLUMN rule_spread.sign_p IS 'Two-sided sign test against 1/2 over seeds of initial weights, each by its mean over data orders. For twin the law over seeds and texts together is symmetric, so it tests the instrument; but members share one text, and a small p may be that text''s';
COMMENT ON COLUMN rule_spread.from_init IS 'Share of the variance that goes with the seed of the initial weights; 0 where its estimate is negative. NULL where seeds are not crossed';
COMMENT ON COLUMN rule_spread.from_init_low IS 'Lower end of its generalised interval over both seeds, wide where one has few';
COMMENT ON COLUMN rule_spread.from_order IS 'Share that goes with the seed of the data order; 0 where its estimate is negative: data orders then differ by less than what is left would make them differ';
COMMENT ON COLUMN rule_spread.from_order_low IS 'Lower end of its interval';
COMMENT ON COLUMN rule_spread.from_both IS 'Share left to both together and to chance';
COMMENT ON COLUMN rule_spread.from_both_low IS 'Lower end of its interval';
COMMENT ON COLUMN rule_spread.agreement IS 'Share of questions at which two members give the same one of both answers, mean over pairs';
COMMENT ON COLUMN rule_spread.agreement_expected IS 'What it would be if questions were independent given each member''s share';
COMMENT ON COLUMN rule_spread.members IS 'Members';
