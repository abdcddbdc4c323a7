CREATE TABLE representation_similarity (
    artifact VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    value DOUBLE,
    null_mean DOUBLE,
    null_high DOUBLE,
    calibrated DOUBLE,
    p DOUBLE,
    tokens INTEGER,
    documents INTEGER
);
COMMENT ON TABLE representation_similarity IS 'Two members at a layer, with a similarity of their hidden representations, calibrated against chance: which two compute alike? Grain: artifact, layer, model_a, model_b, measure.';
COMMENT ON COLUMN representation_similarity.artifact IS 'Representation artifact';
COMMENT ON COLUMN representation_similarity.layer IS 'Residual stream before this block; the last is after all blocks. For unequal depths, the layer of the deeper member';
COMMENT ON COLUMN representation_similarity.measure IS 'cka: debiased linear centred kernel alignment; mutual_knn: share of nearest neighbours in common';
COMMENT ON COLUMN representation_similarity.value IS 'Value of the measure: 1 for representations that are equal up to rotation and scale';
COMMENT ON COLUMN representation_similarity.null_mean IS 'Mean under random matchings of tokens';
COMMENT ON COLUMN representation_similarity.null_high IS '95th percentile under random matchings of tokens: higher values have p <= 0.05';
COMMENT ON COLUMN representation_similarity.calibrated IS '(value - null_high) / (1 - null_high), 0 where that is negative';
COMMENT ON COLUMN representation_similarity.p IS 'Permutation p: (1 + matchings that reach the value) / (1 + matchings)';
COMMENT ON COLUMN representation_similarity.tokens IS 'Tokens represented, each in its context';
COMMENT ON COLUMN representation_similarity.documents IS 'Documents of the tokens';

CREATE TABLE representation_pool (
    artifact VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    pool VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    value DOUBLE,
    calibrated DOUBLE,
    low DOUBLE,
    high DOUBLE,
    floor DOUBLE,
    models INTEGER
);
COMMENT ON TABLE representation_pool IS 'A class, or two, at a layer, with a similarity of representations, averaged over pairs. The rows behind representation_by_layer. Grain: artifact, layer, pool, other, measure.';
COMMENT ON COLUMN representation_pool.artifact IS 'Representation artifact';
COMMENT ON COLUMN representation_pool.layer IS 'Residual stream before this block; the last is after all blocks. For unequal depths, the layer of the deeper member';
COMMENT ON COLUMN representation_pool.measure IS 'cka or mutual_knn';
COMMENT ON COLUMN representation_pool.value IS 'Mean of the measure';
COMMENT ON COLUMN representation_pool.calibrated IS 'Mean of the calibrated measure';
COMMENT ON COLUMN representation_pool.low IS 'Lower end of the interval of the calibrated measure over models, the tokens fixed';
COMMENT ON COLUMN representation_pool.floor IS 'Noise floor: 1 minus the similarity of members with themselves in another batch';
