CREATE TABLE belief_fit (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    latent VARCHAR NOT NULL,
    control VARCHAR NOT NULL,
    r2 DOUBLE,
    r2_low DOUBLE,
    r2_high DOUBLE,
    rmse DOUBLE,
    documents INTEGER,
    tokens BIGINT
);
COMMENT ON TABLE belief_fit IS 'How well a linear map reads a posterior off the residual stream. Grain: artifact, model, layer, latent, control.';
COMMENT ON COLUMN belief_fit.artifact IS 'Belief artifact';
COMMENT ON COLUMN belief_fit.latent IS 'Whose exact posterior is read: in masks mask, letter_state or state (both together), in tally pairs (how many the block has), in a chain state';
COMMENT ON COLUMN belief_fit.control IS 'none: the member. untrained: a model of its shape as drawn. shuffled: each document with the beliefs of another one. last-letters: which the last tokens are, each combination by itself, instead of the stream (layer 0). premise+last-letters, of masks: the same together with the premise, which the exact belief knows too';
COMMENT ON COLUMN belief_fit.r2 IS 'Share of the variance explained, on documents that the map has not seen';
COMMENT ON COLUMN belief_fit.r2_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN belief_fit.rmse IS 'Root of the mean squared error of a probability';
COMMENT ON COLUMN belief_fit.documents IS 'Documents of the test';
COMMENT ON COLUMN belief_fit.tokens IS 'Places of the test';

CREATE TABLE belief_point (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    point INTEGER NOT NULL,
    mask VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    truth_a DOUBLE,
    truth_b DOUBLE,
    truth_c DOUBLE,
    read_a DOUBLE,
    read_b DOUBLE,
    read_c DOUBLE
);
COMMENT ON TABLE belief_point IS 'Beliefs of the truth and as they are read off a member, for the picture. Grain: artifact, model, layer, point.';
COMMENT ON COLUMN belief_point.artifact IS 'Belief artifact';
COMMENT ON COLUMN belief_point.point IS 'Number of the place';
COMMENT ON COLUMN belief_point.mask IS 'The mask that is likeliest there; chain where there are no masks';
COMMENT ON COLUMN belief_point.letters IS 'Letters up to the place';
COMMENT ON COLUMN belief_point.truth_a IS 'Exact belief in the first state of the ring';
COMMENT ON COLUMN belief_point.truth_b IS 'In the second';
COMMENT ON COLUMN belief_point.truth_c IS 'In the third';
COMMENT ON COLUMN belief_point.read_a IS 'As read off the stream: first state';
COMMENT ON COLUMN belief_point.read_b IS 'Second state';
COMMENT ON COLUMN belief_point.read_c IS 'Third state';

CREATE TABLE speculation (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    ahead INTEGER NOT NULL,
    control VARCHAR NOT NULL,
    nats DOUBLE,
    marginal DOUBLE,
    exact DOUBLE,
    efficiency DOUBLE,
    efficiency_low DOUBLE,
    efficiency_high DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE speculation IS 'What of later tokens a linear map reads off the stream, beside what the exact law allows. Grain: artifact, model, layer, ahead, control.';
COMMENT ON COLUMN speculation.artifact IS 'Belief artifact';
COMMENT ON COLUMN speculation.ahead IS 'How many tokens ahead: 1 is the next one';
COMMENT ON COLUMN speculation.nats IS 'Loss of the map on documents that it has not seen, nats per token';
COMMENT ON COLUMN speculation.marginal IS 'Loss of the frequencies with which tokens come there';
COMMENT ON COLUMN speculation.exact IS 'Loss of the exact law that many steps ahead';
COMMENT ON COLUMN speculation.efficiency IS 'What the map gains over the frequencies as a share of what the exact law gains';
COMMENT ON COLUMN speculation.efficiency_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN speculation.documents IS 'Documents of the test';

CREATE TABLE speculation_auc (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    site VARCHAR NOT NULL,
    control VARCHAR NOT NULL,
    auc DOUBLE,
    auc_low DOUBLE,
    auc_high DOUBLE,
    pairs BIGINT,
    documents INTEGER
);
COMMENT ON TABLE speculation_auc IS 'Whether a linear map can tell that the last pair counts for the answer (tally and tally1). Grain: artifact, model, layer, site, control.';
COMMENT ON COLUMN speculation_auc.artifact IS 'Belief artifact';
COMMENT ON COLUMN speculation_auc.site IS 'b: at the second digit of the pair. next: one token later, where this is the first digit of another pair';
COMMENT ON COLUMN speculation_auc.auc IS 'Area under the curve, on documents that the map has not seen: .5 knows nothing';
COMMENT ON COLUMN speculation_auc.auc_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN speculation_auc.pairs IS 'Pairs of the test';
COMMENT ON COLUMN speculation_auc.documents IS 'Documents of the test';
