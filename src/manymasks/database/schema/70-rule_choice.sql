CREATE TABLE rule_choice (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    answered DOUBLE,
    text_seed BIGINT,
    exchanged BOOLEAN,
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
COMMENT ON TABLE rule_choice IS 'A member and a question on which two rules disagree, with its preference. The rows behind rule_choice_by_member. Grain: artifact, model, question.';
COMMENT ON COLUMN rule_choice.artifact IS 'Rule-choice artifact';
COMMENT ON COLUMN rule_choice.answered IS 'Share of BEFORE documents that end with a question in training';
COMMENT ON COLUMN rule_choice.text_seed IS 'Seed of the documents';
COMMENT ON COLUMN rule_choice.exchanged IS 'Whether red and blue cues are exchanged in all documents';
COMMENT ON COLUMN rule_choice.other IS 'The other rule: blue, or first';
COMMENT ON COLUMN rule_choice.preference IS 'Mean of p(rule) / (p(rule) + p(other)) over questions';
COMMENT ON COLUMN rule_choice.preference_low IS 'Lower end of its interval over questions';
COMMENT ON COLUMN rule_choice.share IS 'Share of questions at which the rule''s answer is the likelier of the two';
COMMENT ON COLUMN rule_choice.share_low IS 'Lower end of its interval (Wilson)';
COMMENT ON COLUMN rule_choice.mass IS 'Mean of p(rule) + p(other): the probability of these two answers';
COMMENT ON COLUMN rule_choice.order_effect IS 'Preference if the word of the rule comes first minus that if it comes second; NULL if the order is fixed';
COMMENT ON COLUMN rule_choice.p_right IS 'Mean probability of the right answer to questions with the same mark (?t for twin, ?h for before) on the measure split, which training answers';

CREATE TABLE rule_spread (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    answered DOUBLE,
    text_seed BIGINT,
    exchanged BOOLEAN,
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
COMMENT ON TABLE rule_spread IS 'A class and such a question, with the spread of the preference over its seeds: how much training data leaves open. The rows behind rule_choice_over_seeds. Grain: artifact, size, variant, question.';
COMMENT ON COLUMN rule_spread.artifact IS 'Rule-choice artifact';
COMMENT ON COLUMN rule_spread.answered IS 'Share of BEFORE documents that end with a question in training';
COMMENT ON COLUMN rule_spread.text_seed IS 'Seed of the documents';
COMMENT ON COLUMN rule_spread.exchanged IS 'Whether red and blue cues are exchanged in all documents';
COMMENT ON COLUMN rule_spread.mean IS 'Mean preference over members';
COMMENT ON COLUMN rule_spread.mean_low IS 'Lower end of its interval over seeds and questions, the text fixed; NULL for one seed';
COMMENT ON COLUMN rule_spread.sd IS 'Standard deviation over members';
COMMENT ON COLUMN rule_spread.above_half IS 'Members that prefer the rule';
COMMENT ON COLUMN rule_spread.dip_p IS 'p of the dip test of members'' preferences: small if they are multimodal; NULL below 4 members';
COMMENT ON COLUMN rule_spread.sign_p IS 'Two-sided sign test against 1/2 over seeds of initial weights, each averaged over data orders. For twin the distribution over seeds and texts is symmetric, so this checks the method; members share one text, so a small p may come from the text';
COMMENT ON COLUMN rule_spread.from_init IS 'Share of the variance between seeds of the initial weights; negative estimates are set to 0. NULL if seeds are not crossed';
COMMENT ON COLUMN rule_spread.from_init_low IS 'Lower end of its generalised interval over both seeds, wide where one has few';
COMMENT ON COLUMN rule_spread.from_order IS 'Share of the variance between data orders; negative estimates are set to 0';
COMMENT ON COLUMN rule_spread.from_order_low IS 'Lower end of its interval';
COMMENT ON COLUMN rule_spread.from_both IS 'Share of the variance in the interaction and residual';
COMMENT ON COLUMN rule_spread.from_both_low IS 'Lower end of its interval';
COMMENT ON COLUMN rule_spread.agreement IS 'Share of questions with the same answer of two members, among the two rules, mean over pairs';
COMMENT ON COLUMN rule_spread.agreement_expected IS 'Expected agreement if questions were independent given each member''s share';
COMMENT ON COLUMN rule_spread.members IS 'Members';
