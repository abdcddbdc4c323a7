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
COMMENT ON TABLE process_truth IS 'What the exact law of a process says of its documents. Grain: artifact, position.';
COMMENT ON COLUMN process_truth.artifact IS 'Truth artifact';
COMMENT ON COLUMN process_truth.position IS 'Place of the token in its document, the one after BOS is 1';
COMMENT ON COLUMN process_truth.entropy IS 'Mean exact entropy of the next token given those before it, nats: no model can have a lower loss';
COMMENT ON COLUMN process_truth.entropy_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN process_truth.nats IS 'Mean loss of the exact law on what was said, nats';
COMMENT ON COLUMN process_truth.latent IS 'What is hidden: mask, W of the block (pairs), kind of the document, state, root; NULL where nothing is';
COMMENT ON COLUMN process_truth.posterior_entropy IS 'Mean exact entropy of the latent given the tokens before this one, nats; NULL where nothing of it has been said yet';
COMMENT ON COLUMN process_truth.entropy_given_latent IS 'Mean exact entropy of the token for whoever is told the latent, nats: what it is below entropy is the information of the latent about the token';
COMMENT ON COLUMN process_truth.tokens IS 'Tokens that count at this place';

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
    documents INTEGER
);
COMMENT ON TABLE capability_price IS 'What the truth loses when a capability is taken from it: its price, and what it comes to on the documents that members are measured on. Grain: artifact, capability, stratum, level.';
COMMENT ON COLUMN capability_price.artifact IS 'Truth artifact';
COMMENT ON COLUMN capability_price.capability IS 'What the predictor lacks';
COMMENT ON COLUMN capability_price.stratum IS 'all, or what tokens are told apart by, such as role';
COMMENT ON COLUMN capability_price.nats IS 'Mean KL from the exact law to that predictor on the documents measured, nats per token; over all tokens that count this is less than over those that the capability matters to';
COMMENT ON COLUMN capability_price.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN capability_price.exact IS 'Its expectation: a closed form, or a mean over many documents drawn for it alone; NULL where a closed form does not speak of the level, or it is infinite';
COMMENT ON COLUMN capability_price.exact_error IS 'Standard error of that mean; 0 for a closed form';
