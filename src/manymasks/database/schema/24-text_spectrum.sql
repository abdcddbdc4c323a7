CREATE TABLE text_spectrum (
    artifact VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    re DOUBLE,
    im DOUBLE,
    re_error DOUBLE,
    held_out DOUBLE,
    memory DOUBLE,
    singular_value DOUBLE,
    tokens_high VARCHAR,
    tokens_low VARCHAR
);
COMMENT ON TABLE text_spectrum IS 'A member on text, or what stands beside it, with an eigenvalue of the operator of one token that its predictions imply: how slowly does a coordinate of its predictions change? There is no truth to compare it with. The rows behind text_spectrum_by_class. Grain: artifact, predictor, model, number.';
COMMENT ON COLUMN text_spectrum.artifact IS 'Text spectrum artifact';
COMMENT ON COLUMN text_spectrum.predictor IS 'member. exchanged: its predictions after another prompt with the same last token. independent: with noise as large as the divergence of two seeds. untrained: a member at initialisation';
COMMENT ON COLUMN text_spectrum.model IS 'The member that it is, or that it is made from';
COMMENT ON COLUMN text_spectrum.number IS 'Rank of the eigenvalue by its real part, from 1; that of the constant is left out';
COMMENT ON COLUMN text_spectrum.re IS 'Share of its coordinate that one token leaves, real part';
COMMENT ON COLUMN text_spectrum.im IS 'Imaginary part';
COMMENT ON COLUMN text_spectrum.re_error IS 'Standard error of the real part over documents, delete-one jackknife';
COMMENT ON COLUMN text_spectrum.held_out IS 'Slope of the coordinate one token later on its value, on documents that it was not fitted on; NULL where it is complex';
COMMENT ON COLUMN text_spectrum.memory IS 'Tokens over which its coordinate falls to 1/e; NULL from 1 on';
COMMENT ON COLUMN text_spectrum.singular_value IS 'Singular value of the predictions about their mean with this rank, relative to the first';
COMMENT ON COLUMN text_spectrum.tokens_high IS 'Of members: tokens whose probability rises most with the coordinate; NULL where it is complex';
COMMENT ON COLUMN text_spectrum.tokens_low IS 'Of members: tokens whose probability falls most with it';
