CREATE TABLE excess_loss (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    stratum VARCHAR NOT NULL,
    level VARCHAR NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    tokens BIGINT,
    documents INTEGER
);
COMMENT ON TABLE excess_loss IS 'KL from the exact law of a process to a member. Grain: artifact, model, stratum, level.';
COMMENT ON COLUMN excess_loss.artifact IS 'Excess artifact';
COMMENT ON COLUMN excess_loss.nats IS 'Mean KL from the exact law to the member, nats per token: the loss that it could avoid';
COMMENT ON COLUMN excess_loss.nats_low IS 'Lower end of its interval over documents; NULL by position';

CREATE TABLE capability_kept (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    capability VARCHAR NOT NULL,
    kept DOUBLE,
    kept_low DOUBLE,
    kept_high DOUBLE,
    tokens BIGINT,
    documents INTEGER
);
COMMENT ON TABLE capability_kept IS 'How much of a capability a member has: where its law lies between the truth and the truth without it. Grain: artifact, model, capability.';
COMMENT ON COLUMN capability_kept.artifact IS 'Excess artifact';
COMMENT ON COLUMN capability_kept.capability IS 'What may be lacking';
COMMENT ON COLUMN capability_kept.kept IS 'Weighted least-squares share of the truth in a mixture with the truth without the capability that is to be the member: 1 has it, 0 lacks it, and beyond is possible; NULL where the two never differ';
COMMENT ON COLUMN capability_kept.kept_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN capability_kept.tokens IS 'Tokens at which the two predictors differ';
COMMENT ON COLUMN capability_kept.documents IS 'Documents with such tokens';

CREATE TABLE priced_set (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    share DOUBLE NOT NULL,
    eps DOUBLE,
    cheapest VARCHAR,
    members INTEGER,
    candidates INTEGER
);
COMMENT ON TABLE priced_set IS 'Members within a threshold of the truth that is a share of the exact price of the cheapest capability. Price and excess loss are means over all tokens that count, the premise of masks too. Grain: artifact, corpus, size, variant, share.';
COMMENT ON COLUMN priced_set.artifact IS 'Excess artifact';
COMMENT ON COLUMN priced_set.share IS 'Threshold as a share of that price';
COMMENT ON COLUMN priced_set.eps IS 'The threshold in nats per token';
COMMENT ON COLUMN priced_set.cheapest IS 'The capability that costs least of those that cost anything';
COMMENT ON COLUMN priced_set.members IS 'Members in the set: those whose excess loss on the select split is at most the threshold';
COMMENT ON COLUMN priced_set.candidates IS 'Members of the class that did not fail';

CREATE TABLE priced_member (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    share DOUBLE NOT NULL,
    eps DOUBLE,
    select_nats DOUBLE,
    measure_nats DOUBLE,
    is_member BOOLEAN,
    probability DOUBLE
);
COMMENT ON TABLE priced_member IS 'Members and the thresholds that are shares of a price. Grain: artifact, model, share.';
COMMENT ON COLUMN priced_member.artifact IS 'Excess artifact';
COMMENT ON COLUMN priced_member.share IS 'Threshold as a share of the price of the cheapest capability';
COMMENT ON COLUMN priced_member.eps IS 'The threshold in nats per token';
COMMENT ON COLUMN priced_member.select_nats IS 'Excess loss on the select split, which decides';
COMMENT ON COLUMN priced_member.measure_nats IS 'Excess loss on the measure split';
COMMENT ON COLUMN priced_member.is_member IS 'Whether it is in the set';
COMMENT ON COLUMN priced_member.probability IS 'Share of resamples of documents in which it is';

CREATE TABLE demand_gap (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    control_of VARCHAR,
    size VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    stratum VARCHAR NOT NULL,
    level VARCHAR NOT NULL,
    baseline_nats DOUBLE,
    baseline_low DOUBLE,
    baseline_high DOUBLE,
    variant_nats DOUBLE,
    variant_low DOUBLE,
    variant_high DOUBLE,
    gap DOUBLE,
    gap_low DOUBLE,
    gap_high DOUBLE,
    ceiling DOUBLE,
    models INTEGER,
    documents INTEGER
);
COMMENT ON TABLE demand_gap IS 'What a variant misses of the truth beside its baseline, by what is asked of a position; paired over seeds. Grain: artifact, size, baseline, variant, stratum, level.';
COMMENT ON COLUMN demand_gap.artifact IS 'Excess artifact';
COMMENT ON COLUMN demand_gap.control_of IS 'The process that this one is the control of; NULL for others';
COMMENT ON COLUMN demand_gap.stratum IS 'all, or what tokens are told apart by, such as answers by W';
COMMENT ON COLUMN demand_gap.baseline_nats IS 'Mean excess loss of the baseline, nats per token';
COMMENT ON COLUMN demand_gap.baseline_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN demand_gap.variant_nats IS 'Mean excess loss of the variant';
COMMENT ON COLUMN demand_gap.variant_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN demand_gap.gap IS 'Difference of the two';
COMMENT ON COLUMN demand_gap.gap_low IS 'Lower end of its interval over pairs of models and documents';
COMMENT ON COLUMN demand_gap.ceiling IS 'Exact excess loss of the truth without binding, where the process knows one';
COMMENT ON COLUMN demand_gap.models IS 'Pairs of members with the same seeds';

CREATE TABLE position_spread (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    kl DOUBLE,
    kl_low DOUBLE,
    kl_high DOUBLE,
    js DOUBLE,
    floor DOUBLE,
    models INTEGER,
    documents INTEGER
);
COMMENT ON TABLE position_spread IS 'How far members of a class are apart, by the length of the prompt. Grain: artifact, size, variant, position.';
COMMENT ON COLUMN position_spread.artifact IS 'Excess artifact';
COMMENT ON COLUMN position_spread.position IS 'Place of the token that is foretold: as many tokens came before it';
COMMENT ON COLUMN position_spread.kl IS 'Mean KL between two members, over ordered pairs, nats';
COMMENT ON COLUMN position_spread.kl_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN position_spread.js IS 'Mean Jensen-Shannon divergence of pairs, nats';
COMMENT ON COLUMN position_spread.floor IS 'The same KL between a member and itself at another batch size, the largest of the members: noise';
