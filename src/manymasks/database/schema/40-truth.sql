CREATE TABLE process_truth (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    entropy DOUBLE,
    entropy_low DOUBLE,
    entropy_high DOUBLE,
    nats DOUBLE,
    latent VARCHAR,
    posterior_entropy DOUBLE,
    entropy_given_latent DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE process_truth IS 'A position of a known process, with the exact entropy of the next token and of the latent: the loss that no model can go below. Grain: artifact, position.';
COMMENT ON COLUMN process_truth.artifact IS 'Truth artifact';
COMMENT ON COLUMN process_truth.position IS 'Position of the token in its document; the token after BOS is 1';
COMMENT ON COLUMN process_truth.entropy IS 'Mean exact entropy of the next token given its prefix, nats: a lower bound on the expected loss of any model';
COMMENT ON COLUMN process_truth.entropy_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN process_truth.nats IS 'Mean loss of the exact predictor on the documents, nats';
COMMENT ON COLUMN process_truth.latent IS 'Latent variable: mask, W of the block (pairs), kind of the document, state, root; NULL without one';
COMMENT ON COLUMN process_truth.posterior_entropy IS 'Mean exact entropy of the latent given the tokens before this one, nats; NULL before the latent has any effect';
COMMENT ON COLUMN process_truth.entropy_given_latent IS 'Mean exact entropy of the token given prefix and latent, nats; entropy minus this is the information of the latent about the token';
COMMENT ON COLUMN process_truth.tokens IS 'Scored tokens at this position';

CREATE TABLE capability_price (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    capability VARCHAR NOT NULL,
    stratum VARCHAR NOT NULL,
    level VARCHAR NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    exact DOUBLE,
    exact_error DOUBLE,
    tokens BIGINT,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE capability_price IS 'A capability of the exact predictor on a stratum, with the loss that is added without it, in expectation and on the documents of members: what is it worth? Grain: artifact, capability, stratum, level.';
COMMENT ON COLUMN capability_price.artifact IS 'Truth artifact';
COMMENT ON COLUMN capability_price.capability IS 'Capability that the predictor is without';
COMMENT ON COLUMN capability_price.stratum IS 'all, or a partition of the tokens, such as role';
COMMENT ON COLUMN capability_price.nats IS 'Mean KL from the exact predictor to the ablated one on the measured documents, nats per token; an average over all scored tokens, including those the capability does not affect';
COMMENT ON COLUMN capability_price.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN capability_price.exact IS 'Expectation of nats: in closed form, or the mean over a large separate sample; NULL if infinite, or if the closed form has no such level';
COMMENT ON COLUMN capability_price.exact_error IS 'Standard error of that expectation; 0 for a closed form';
