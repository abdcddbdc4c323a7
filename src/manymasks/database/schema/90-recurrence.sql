CREATE TABLE state_reading (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    site VARCHAR NOT NULL,
    latent VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    control VARCHAR NOT NULL,
    components INTEGER,
    dimension INTEGER,
    is_whole BOOLEAN,
    r2 DOUBLE,
    r2_low DOUBLE,
    r2_high DOUBLE,
    rmse DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE state_reading IS 'A member at a site, with the fit of an exact posterior on so many of its principal components, or that of a control: how much can be read at equal dimension? The rows behind reading_by_dimension. Grain: artifact, model, site, latent, probe, control, components.';
COMMENT ON COLUMN state_reading.artifact IS 'Recurrence artifact';
COMMENT ON COLUMN state_reading.site IS 'What is read: residual (the last residual stream), streams (those of all levels), and of recurrent members read-out (what heads read from their states) and state (all matrices and last inputs); tokens: the last tokens, a control';
COMMENT ON COLUMN state_reading.latent IS 'Latent variable of the posterior, as in belief_fit';
COMMENT ON COLUMN state_reading.probe IS 'ridge, or mlp: a small network with one hidden layer, on as many components as the width';
COMMENT ON COLUMN state_reading.control IS 'none: the member. untrained: a model of its shape at initialisation. shuffled: documents with the posteriors of another document. last-letters: an indicator of the last tokens';
COMMENT ON COLUMN state_reading.components IS 'Principal components that the fit uses; NULL for tokens';
COMMENT ON COLUMN state_reading.dimension IS 'Values of the site; NULL for tokens';
COMMENT ON COLUMN state_reading.is_whole IS 'Whether all components with any variance are used';
COMMENT ON COLUMN state_reading.r2 IS 'Share of the variance explained, on held-out documents';
COMMENT ON COLUMN state_reading.r2_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN state_reading.rmse IS 'Root of the mean squared error of a probability';
COMMENT ON COLUMN state_reading.documents IS 'Held-out documents';
COMMENT ON COLUMN state_reading.tokens IS 'Positions in the held-out documents';

CREATE TABLE state_patch (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    scope VARCHAR NOT NULL,
    layer INTEGER,
    head INTEGER,
    unedited_nats DOUBLE,
    edited_nats DOUBLE,
    efficacy DOUBLE,
    efficacy_low DOUBLE,
    efficacy_high DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE state_patch IS 'A recurrent member whose state, or a part of it, is replaced by that of another document: does its prediction follow? The rows behind patch_efficacy. Grain: artifact, model, position, scope, layer, head.';
COMMENT ON COLUMN state_patch.artifact IS 'Recurrence artifact';
COMMENT ON COLUMN state_patch.position IS 'Position after which the state is edited';
COMMENT ON COLUMN state_patch.scope IS 'What is replaced: whole, layer or head; or direction L: the state moved so that a ridge fit reads the posterior of latent L of the other document; random L: moved as far in a random direction';
COMMENT ON COLUMN state_patch.layer IS 'Block, from 0; NULL for edits of all of them';
COMMENT ON COLUMN state_patch.head IS 'Head, from 0; NULL for edits of all of them';
COMMENT ON COLUMN state_patch.unedited_nats IS 'KL of the target from the prediction without edit, summed over the tokens read on, nats a document. Target: the exact law of the tokens after the other beginning';
COMMENT ON COLUMN state_patch.edited_nats IS 'The same with the edit';
COMMENT ON COLUMN state_patch.efficacy IS '1 - edited_nats / unedited_nats: 0 without effect, 1 if the prediction is the target';
COMMENT ON COLUMN state_patch.efficacy_low IS 'Lower end of its interval over documents';

CREATE TABLE write_effect (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    distance INTEGER NOT NULL,
    is_last BOOLEAN,
    r2 DOUBLE,
    r2_low DOUBLE,
    r2_high DOUBLE,
    cosine DOUBLE,
    rms DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE write_effect IS 'The shift of logits by the deletion of one write, as a closed form predicts it and as measured, over heads, positions and documents. The rows behind write_effect_by_layer. Grain: artifact, model, layer, distance.';
COMMENT ON COLUMN write_effect.artifact IS 'Recurrence artifact';
COMMENT ON COLUMN write_effect.layer IS 'Block that wrote, from 0';
COMMENT ON COLUMN write_effect.distance IS 'Tokens from the write to the prediction';
COMMENT ON COLUMN write_effect.is_last IS 'Whether it is the last block, where the closed form leaves out no more than its MLP';
COMMENT ON COLUMN write_effect.r2 IS 'Share of the squared measured shift that the closed form explains; negative where it does worse than no shift';
COMMENT ON COLUMN write_effect.r2_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN write_effect.cosine IS 'Cosine of the two shifts';
COMMENT ON COLUMN write_effect.rms IS 'Root mean square of the measured shift of all centred logits, over documents';

CREATE TABLE state_statistic (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    head INTEGER NOT NULL,
    half_life DOUBLE,
    half_life_tenth DOUBLE,
    half_life_ninth DOUBLE,
    stable_rank DOUBLE,
    rms DOUBLE,
    keys INTEGER
);
COMMENT ON TABLE state_statistic IS 'A head of a recurrent member: how long does its state last, and how many directions does it fill? Grain: artifact, model, layer, head.';
COMMENT ON COLUMN state_statistic.artifact IS 'Recurrence artifact';
COMMENT ON COLUMN state_statistic.layer IS 'Block, from 0';
COMMENT ON COLUMN state_statistic.head IS 'Head, from 0';
COMMENT ON COLUMN state_statistic.half_life IS 'Median half-life of a channel in tokens, ln 2 / |g|, over channels, documents and positions. The delta rule may remove a write sooner';
COMMENT ON COLUMN state_statistic.half_life_tenth IS 'Their 10% quantile';
COMMENT ON COLUMN state_statistic.half_life_ninth IS 'Their 90% quantile';
COMMENT ON COLUMN state_statistic.stable_rank IS 'Squared Frobenius norm over squared spectral norm of the state, mean: between 1 and keys';
COMMENT ON COLUMN state_statistic.rms IS 'Root mean square of an entry of the state';
COMMENT ON COLUMN state_statistic.keys IS 'Rows of the state';
