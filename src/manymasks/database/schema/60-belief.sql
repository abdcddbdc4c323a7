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
    effective_documents DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE belief_fit IS 'A member at a layer, with the fit of an exact posterior on its residual stream, or that of a control. The rows behind belief_by_layer. Grain: artifact, model, layer, latent, control.';
COMMENT ON COLUMN belief_fit.artifact IS 'Belief artifact';
COMMENT ON COLUMN belief_fit.latent IS 'Latent variable of the posterior: in masks mask, letter_state or state (both together), in tally pairs (their number in the block), in a chain state';
COMMENT ON COLUMN belief_fit.control IS 'none: the member. untrained: a model of its shape at initialisation. shuffled: documents with the beliefs of another document. last-letters: an indicator of the last tokens instead of the stream (layer 0). premise+last-letters, of masks: the same with the premise, which the exact belief also depends on';
COMMENT ON COLUMN belief_fit.r2 IS 'Share of the variance explained, on held-out documents';
COMMENT ON COLUMN belief_fit.r2_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN belief_fit.rmse IS 'Root of the mean squared error of a probability';
COMMENT ON COLUMN belief_fit.documents IS 'Held-out documents';
COMMENT ON COLUMN belief_fit.tokens IS 'Positions in the held-out documents';

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
COMMENT ON TABLE belief_point IS 'A position in a document, with the exact belief and the one decoded at a layer: plot the belief simplex. Grain: artifact, model, layer, point.';
COMMENT ON COLUMN belief_point.artifact IS 'Belief artifact';
COMMENT ON COLUMN belief_point.point IS 'Index of the position';
COMMENT ON COLUMN belief_point.mask IS 'Most probable mask at the position; chain for processes without masks';
COMMENT ON COLUMN belief_point.letters IS 'Letters up to the position';
COMMENT ON COLUMN belief_point.truth_a IS 'Exact belief in the first state of the ring';
COMMENT ON COLUMN belief_point.truth_b IS 'In the second';
COMMENT ON COLUMN belief_point.truth_c IS 'In the third';
COMMENT ON COLUMN belief_point.read_a IS 'Linearly read belief in the first state';
COMMENT ON COLUMN belief_point.read_b IS 'In the second';
COMMENT ON COLUMN belief_point.read_c IS 'In the third';

CREATE TABLE belief_path (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    document INTEGER NOT NULL,
    letters INTEGER NOT NULL,
    token VARCHAR NOT NULL,
    mask VARCHAR NOT NULL,
    truth_a DOUBLE,
    truth_b DOUBLE,
    truth_c DOUBLE,
    read_a DOUBLE,
    read_b DOUBLE,
    read_c DOUBLE
);
COMMENT ON TABLE belief_path IS 'A letter of one of a few held-out documents, with the exact belief after it and the one decoded at a layer: follow a belief through a document. Grain: artifact, model, layer, document, letters.';
COMMENT ON COLUMN belief_path.artifact IS 'Belief artifact';
COMMENT ON COLUMN belief_path.document IS 'Number of the document in the tested half of the measure split';
COMMENT ON COLUMN belief_path.letters IS 'Letters of the document up to this one';
COMMENT ON COLUMN belief_path.token IS 'The letter';
COMMENT ON COLUMN belief_path.mask IS 'Most probable mask after the letter; chain for processes without masks';
COMMENT ON COLUMN belief_path.truth_a IS 'Exact belief in the first state of the ring';
COMMENT ON COLUMN belief_path.truth_b IS 'In the second';
COMMENT ON COLUMN belief_path.truth_c IS 'In the third';
COMMENT ON COLUMN belief_path.read_a IS 'Linearly read belief in the first state';
COMMENT ON COLUMN belief_path.read_b IS 'In the second';
COMMENT ON COLUMN belief_path.read_c IS 'In the third';

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
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE speculation IS 'A member at a layer, with how well tokens some steps ahead are decodable, beside the exact predictor that many steps ahead. The rows behind speculation_by_variant. Grain: artifact, model, layer, ahead, control.';
COMMENT ON COLUMN speculation.artifact IS 'Belief artifact';
COMMENT ON COLUMN speculation.ahead IS 'How many tokens ahead: 1 is the next one';
COMMENT ON COLUMN speculation.nats IS 'Loss of the linear map on held-out documents, nats per token';
COMMENT ON COLUMN speculation.marginal IS 'Loss of the token frequencies at these positions';
COMMENT ON COLUMN speculation.exact IS 'Loss of the exact predictor that many steps ahead';
COMMENT ON COLUMN speculation.efficiency IS '(marginal - nats) / (marginal - exact): the share of the possible gain';
COMMENT ON COLUMN speculation.efficiency_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN speculation.documents IS 'Held-out documents';

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
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE speculation_auc IS 'A member at a layer, with how well it is decodable whether the last pair counts, in counting processes. The rows behind speculation_auc_by_variant. Grain: artifact, model, layer, site, control.';
COMMENT ON COLUMN speculation_auc.artifact IS 'Belief artifact';
COMMENT ON COLUMN speculation_auc.site IS 'b: at the second digit of the pair. next: one token later, at the first digit of another pair';
COMMENT ON COLUMN speculation_auc.auc IS 'Area under the ROC curve on held-out documents: 0.5 is chance';
COMMENT ON COLUMN speculation_auc.auc_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN speculation_auc.pairs IS 'Pairs in the held-out documents';
COMMENT ON COLUMN speculation_auc.documents IS 'Held-out documents';
