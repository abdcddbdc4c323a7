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
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE excess_loss IS 'A member on a stratum of tokens, with its loss above the exact predictor. The rows behind current_excess, for all artifacts. Grain: artifact, model, stratum, level.';
COMMENT ON COLUMN excess_loss.artifact IS 'Excess artifact';
COMMENT ON COLUMN excess_loss.nats IS 'Mean KL from the exact predictor to the member, nats per token: its avoidable loss';
COMMENT ON COLUMN excess_loss.nats_low IS 'Lower end of its interval over documents; NULL by position';

CREATE TABLE capability_kept (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    capability VARCHAR NOT NULL,
    kept DOUBLE,
    kept_low DOUBLE,
    kept_high DOUBLE,
    tokens BIGINT,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE capability_kept IS 'A member and a capability, with the weight of the exact predictor against the one without it that its predictions show: how much of the capability does it have? Grain: artifact, model, capability.';
COMMENT ON COLUMN capability_kept.artifact IS 'Excess artifact';
COMMENT ON COLUMN capability_kept.capability IS 'Capability in question';
COMMENT ON COLUMN capability_kept.kept IS 'Weight of the exact predictor in the mixture that fits the member best (weighted least squares): 1 has the capability, 0 is without it, values beyond are possible; NULL if the two predictors never differ';
COMMENT ON COLUMN capability_kept.kept_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN capability_kept.tokens IS 'Tokens on which the two predictors differ';
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
    at_edge INTEGER,
    candidates INTEGER
);
COMMENT ON TABLE priced_set IS 'A Rashomon set whose threshold is a share of the price of the cheapest capability: how many members are that close to the truth? Prices and losses are means over all scored tokens, the premise of masks included. Grain: artifact, corpus, size, variant, share.';
COMMENT ON COLUMN priced_set.artifact IS 'Excess artifact';
COMMENT ON COLUMN priced_set.share IS 'Threshold / price of the cheapest capability';
COMMENT ON COLUMN priced_set.eps IS 'The threshold in nats per token';
COMMENT ON COLUMN priced_set.cheapest IS 'Capability with the smallest price above 0';
COMMENT ON COLUMN priced_set.members IS 'Members of the set, by excess loss on the select split';
COMMENT ON COLUMN priced_set.at_edge IS 'Candidates whose membership the select documents, and the error of the price, leave undecided: probability from 0.05 to 0.95';
COMMENT ON COLUMN priced_set.candidates IS 'Members of the class that did not fail';

CREATE TABLE priced_member (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    share DOUBLE NOT NULL,
    eps DOUBLE,
    select_nats DOUBLE,
    measure_nats DOUBLE,
    is_member BOOLEAN,
    probability DOUBLE,
    is_at_edge BOOLEAN
);
COMMENT ON TABLE priced_member IS 'A member and a priced threshold, with whether it is inside: the members behind priced_set. Grain: artifact, model, share.';
COMMENT ON COLUMN priced_member.artifact IS 'Excess artifact';
COMMENT ON COLUMN priced_member.share IS 'Threshold / price of the cheapest capability';
COMMENT ON COLUMN priced_member.eps IS 'The threshold in nats per token';
COMMENT ON COLUMN priced_member.select_nats IS 'Excess loss on the select split, which decides membership';
COMMENT ON COLUMN priced_member.measure_nats IS 'Excess loss on the measure split';
COMMENT ON COLUMN priced_member.is_member IS 'Whether it is in the set';
COMMENT ON COLUMN priced_member.probability IS 'Share of document resamples in which it is in the set, the threshold drawn with the error of the price';
COMMENT ON COLUMN priced_member.is_at_edge IS 'Whether that is from 0.05 to 0.95: membership is undecided';

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
    baseline_binding INTEGER,
    baseline_rate_low DOUBLE,
    baseline_rate_high DOUBLE,
    variant_binding INTEGER,
    variant_rate_low DOUBLE,
    variant_rate_high DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE demand_gap IS 'A variant against its baseline by what a position demands, in loss above the truth, paired over seeds. The rows behind myopia_by_demand. Grain: artifact, size, baseline, variant, stratum, level.';
COMMENT ON COLUMN demand_gap.artifact IS 'Excess artifact';
COMMENT ON COLUMN demand_gap.control_of IS 'Process that this process is the control of; NULL for others';
COMMENT ON COLUMN demand_gap.stratum IS 'all, or a partition of the tokens, such as answers by W';
COMMENT ON COLUMN demand_gap.baseline_nats IS 'Mean excess loss of the baseline, nats per token';
COMMENT ON COLUMN demand_gap.baseline_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN demand_gap.variant_nats IS 'Mean excess loss of the variant';
COMMENT ON COLUMN demand_gap.variant_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN demand_gap.gap IS 'variant_nats minus baseline_nats';
COMMENT ON COLUMN demand_gap.gap_low IS 'Lower end of its interval over pairs of models and documents';
COMMENT ON COLUMN demand_gap.ceiling IS 'Exact excess loss of the predictor without binding, if the process has one';
COMMENT ON COLUMN demand_gap.baseline_binding IS 'Members of the baseline that bind: excess loss below half of the ceiling; NULL without a ceiling';
COMMENT ON COLUMN demand_gap.baseline_rate_low IS 'Lower end of the interval of their share (Wilson)';
COMMENT ON COLUMN demand_gap.variant_binding IS 'Members of the variant that bind';
COMMENT ON COLUMN demand_gap.variant_rate_low IS 'Lower end of the interval of their share (Wilson)';
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
COMMENT ON TABLE position_spread IS 'A class at a length of the prompt, with the divergence between its members. The rows behind spread_by_position. Grain: artifact, size, variant, position.';
COMMENT ON COLUMN position_spread.artifact IS 'Excess artifact';
COMMENT ON COLUMN position_spread.position IS 'Position of the predicted token: the number of tokens before it';
COMMENT ON COLUMN position_spread.kl IS 'Mean KL between two members, over ordered pairs, nats';
COMMENT ON COLUMN position_spread.kl_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN position_spread.js IS 'Mean Jensen-Shannon divergence of pairs, nats';
COMMENT ON COLUMN position_spread.floor IS 'Noise floor: KL between a member and itself at another batch size, the maximum over members';
