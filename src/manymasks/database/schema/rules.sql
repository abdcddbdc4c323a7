CREATE TABLE rule_choice (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    eps DOUBLE,
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
    answered DOUBLE,
    questions INTEGER
);
COMMENT ON TABLE rule_choice IS 'Which of two rules a member follows where they disagree. Grain: artifact, model, question.';
COMMENT ON COLUMN rule_choice.artifact IS 'Rules artifact';
COMMENT ON COLUMN rule_choice.model IS 'Member';
COMMENT ON COLUMN rule_choice.corpus IS 'Name of the corpus';
COMMENT ON COLUMN rule_choice.eps IS 'Share of BEFORE documents whose question training answers';
COMMENT ON COLUMN rule_choice.question IS 'twin: which cue; before: which marked word';
COMMENT ON COLUMN rule_choice.rule IS 'The rule whose share is given: red, or depth 0';
COMMENT ON COLUMN rule_choice.other IS 'The other rule: blue, or first';
COMMENT ON COLUMN rule_choice.preference IS 'Mean of p(rule) / (p(rule) + p(other)) over questions';
COMMENT ON COLUMN rule_choice.preference_low IS 'Lower end of its interval over questions';
COMMENT ON COLUMN rule_choice.preference_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_choice.share IS 'Share of questions at which the rules answer is the likelier of the two';
COMMENT ON COLUMN rule_choice.share_low IS 'Lower end of its interval (Wilson)';
COMMENT ON COLUMN rule_choice.share_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_choice.mass IS 'Mean of p(rule) + p(other): what is not another answer';
COMMENT ON COLUMN rule_choice.order_effect IS 'Preference where the rules word comes first less where it comes second; NULL where it never differs';
COMMENT ON COLUMN rule_choice.answered IS 'Mean probability of the right answer where training told it: to questions of the measure split asked by the same token, ?t for twin and ?h for before';
COMMENT ON COLUMN rule_choice.questions IS 'Questions';

CREATE TABLE rule_spread (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    eps DOUBLE,
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
    from_order DOUBLE,
    from_both DOUBLE,
    agreement DOUBLE,
    agreement_expected DOUBLE,
    members INTEGER,
    inits INTEGER,
    questions INTEGER
);
COMMENT ON TABLE rule_spread IS 'The law of a preference over the seeds of a class. Grain: artifact, size, variant, question.';
COMMENT ON COLUMN rule_spread.artifact IS 'Rules artifact';
COMMENT ON COLUMN rule_spread.corpus IS 'Name of the corpus';
COMMENT ON COLUMN rule_spread.size IS 'Name of the size';
COMMENT ON COLUMN rule_spread.variant IS 'Name of the variant';
COMMENT ON COLUMN rule_spread.eps IS 'Share of BEFORE documents whose question training answers';
COMMENT ON COLUMN rule_spread.question IS 'twin or before';
COMMENT ON COLUMN rule_spread.rule IS 'red, or depth 0';
COMMENT ON COLUMN rule_spread.mean IS 'Mean preference over members';
COMMENT ON COLUMN rule_spread.mean_low IS 'Lower end of its interval over members and questions';
COMMENT ON COLUMN rule_spread.mean_high IS 'Upper end of its interval';
COMMENT ON COLUMN rule_spread.sd IS 'Standard deviation over members';
COMMENT ON COLUMN rule_spread.lowest IS 'Lowest of a member';
COMMENT ON COLUMN rule_spread.highest IS 'Highest of a member';
COMMENT ON COLUMN rule_spread.above_half IS 'Members that prefer the rule';
COMMENT ON COLUMN rule_spread.dip_p IS 'Dip test of members'' preferences: small where they come in more than one heap; NULL below 4 members';
COMMENT ON COLUMN rule_spread.sign_p IS 'Two-sided sign test against 1/2 over seeds of initial weights, each by its mean over data orders; for twin the law over seeds is symmetric, so this is a test of the instrument';
COMMENT ON COLUMN rule_spread.from_init IS 'Share of the variance that goes with the seed of the initial weights; NULL where seeds are not crossed';
COMMENT ON COLUMN rule_spread.from_order IS 'Share that goes with the seed of the data order';
COMMENT ON COLUMN rule_spread.from_both IS 'Share left to both together and to chance';
COMMENT ON COLUMN rule_spread.agreement IS 'Share of questions at which two members give the same one of both answers, mean over pairs';
COMMENT ON COLUMN rule_spread.agreement_expected IS 'What it would be if questions were independent given each members share';
COMMENT ON COLUMN rule_spread.members IS 'Members';
COMMENT ON COLUMN rule_spread.inits IS 'Seeds of initial weights among them';
COMMENT ON COLUMN rule_spread.questions IS 'Questions';
