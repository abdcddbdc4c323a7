CREATE TABLE code_length (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    aimed_excess DOUBLE NOT NULL,
    rounding_offset DOUBLE,
    bits DOUBLE,
    bits_per_weight DOUBLE,
    select_excess DOUBLE,
    measure_excess DOUBLE
);
COMMENT ON TABLE code_length IS 'A member rounded so coarsely that its loss rises by about this much, with its bits: an upper bound of its shortest description, of a family of codes. The points behind bits_at_eps and mdl_frontier. Grain: artifact, model, aimed_excess.';
COMMENT ON COLUMN code_length.artifact IS 'Code length artifact';
COMMENT ON COLUMN code_length.aimed_excess IS 'Rise of the loss that the steps were chosen for, nats per token';
COMMENT ON COLUMN code_length.rounding_offset IS 'Offset of rounding in steps, the one of three with the least loss on select';
COMMENT ON COLUMN code_length.bits IS 'Bits of all weights, with tables and steps';
COMMENT ON COLUMN code_length.bits_per_weight IS 'bits over the number of weights';
COMMENT ON COLUMN code_length.select_excess IS 'Rise of the loss on windows of select, on which the code was chosen, nats per token';
COMMENT ON COLUMN code_length.measure_excess IS 'Rise of the loss on windows of measure, nats per token';

CREATE TABLE code_constant (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    constant DOUBLE,
    constant_lowest DOUBLE,
    constant_highest DOUBLE,
    slope DOUBLE,
    points INTEGER,
    weights BIGINT,
    select_nats DOUBLE,
    measure_nats DOUBLE
);
COMMENT ON TABLE code_constant IS 'A member with the law of its excess loss against bits: excess = 4^(constant - bits a weight) at high resolution. Grain: artifact, model.';
COMMENT ON COLUMN code_constant.artifact IS 'Code length artifact';
COMMENT ON COLUMN code_constant.constant IS 'Bits a weight + log2(excess in nats) / 2, mean over codes with an excess of 0.005 to 0.2 nats';
COMMENT ON COLUMN code_constant.constant_lowest IS 'Lowest of a code';
COMMENT ON COLUMN code_constant.constant_highest IS 'Highest of a code';
COMMENT ON COLUMN code_constant.slope IS 'Slope of log2(excess) on bits a weight over the same codes; -2 at high resolution';
COMMENT ON COLUMN code_constant.points IS 'Codes with such an excess';
COMMENT ON COLUMN code_constant.weights IS 'Number of weights';
COMMENT ON COLUMN code_constant.select_nats IS 'Loss on the windows of select before rounding, nats per token';
COMMENT ON COLUMN code_constant.measure_nats IS 'Loss on the windows of measure before rounding, nats per token';

CREATE TABLE code_bits (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    eps_nats DOUBLE NOT NULL,
    bits DOUBLE,
    bits_per_weight DOUBLE
);
COMMENT ON TABLE code_bits IS 'A member and an allowed rise of its loss, with the fewest bits within it, on a line between codes. The members behind bits_at_eps. Grain: artifact, model, eps_nats.';
COMMENT ON COLUMN code_bits.artifact IS 'Code length artifact';
COMMENT ON COLUMN code_bits.eps_nats IS 'Allowed rise of the loss on windows of select, nats per token';
COMMENT ON COLUMN code_bits.bits IS 'Fewest bits; NULL outside the codes that were tried';
COMMENT ON COLUMN code_bits.bits_per_weight IS 'bits over the number of weights';

CREATE TABLE quantised_model (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    bits DOUBLE,
    bits_per_weight DOUBLE,
    rounding_offset DOUBLE,
    select_excess DOUBLE
);
COMMENT ON TABLE quantised_model IS 'A derived member that is a code of its parent, with its bits. The rounding behind derived_model and the candidates quantised of Rashomon sets. Grain: artifact, model.';
COMMENT ON COLUMN quantised_model.artifact IS 'Derived artifact';
COMMENT ON COLUMN quantised_model.bits IS 'Bits of all weights, with tables and steps';
COMMENT ON COLUMN quantised_model.bits_per_weight IS 'bits over the number of weights';
COMMENT ON COLUMN quantised_model.rounding_offset IS 'Offset of rounding in steps, the one of three with the least loss on select';
COMMENT ON COLUMN quantised_model.select_excess IS 'Rise of the loss over that of the parent on windows of select, on which the code was chosen, nats per token';
