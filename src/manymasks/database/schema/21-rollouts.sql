CREATE TABLE rollout (
    artifact VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    item INTEGER NOT NULL,
    document VARCHAR NOT NULL,
    prompt VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    length INTEGER,
    loop_entry INTEGER,
    loop_period INTEGER,
    distinct_share DOUBLE,
    nats DOUBLE,
    entropy DOUBLE
);
COMMENT ON TABLE rollout IS 'A text that a member wrote after a prompt, with its loops and its losses. The rows behind written_text. Grain: artifact, mode, model, item.';
COMMENT ON COLUMN rollout.artifact IS 'Rollout artifact';
COMMENT ON COLUMN rollout.item IS 'Prompt, the same for all members and modes';
COMMENT ON COLUMN rollout.document IS 'Document of the prompt, from the measure split';
COMMENT ON COLUMN rollout.prompt IS 'The prompt as text';
COMMENT ON COLUMN rollout.text IS 'Generated text';
COMMENT ON COLUMN rollout.length IS 'Tokens generated';
COMMENT ON COLUMN rollout.loop_entry IS 'Token from which the text repeats to the end; NULL without a loop';
COMMENT ON COLUMN rollout.loop_period IS 'Period of the loop in tokens';
COMMENT ON COLUMN rollout.distinct_share IS 'Distinct tokens / tokens generated';
COMMENT ON COLUMN rollout.nats IS 'Mean loss of the member on its text, nats per token';
COMMENT ON COLUMN rollout.entropy IS 'Mean entropy of its predictive distributions, nats';

CREATE TABLE first_divergence (
    artifact VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    item INTEGER NOT NULL,
    step INTEGER NOT NULL,
    is_censored BOOLEAN NOT NULL,
    margin_a DOUBLE,
    margin_b DOUBLE
);
COMMENT ON TABLE first_divergence IS 'Two members and a prompt, with the first token at which their texts differ, censored at the end of the text: survival data for an analysis of your own. Grain: artifact, mode, model_a, model_b, item.';
COMMENT ON COLUMN first_divergence.artifact IS 'Rollout artifact';
COMMENT ON COLUMN first_divergence.item IS 'Prompt';
COMMENT ON COLUMN first_divergence.step IS 'Number of that token, from 1; without a difference, the tokens generated';
COMMENT ON COLUMN first_divergence.is_censored IS 'Whether the texts agree to the end';
COMMENT ON COLUMN first_divergence.margin_a IS 'Margin of a at that token: log p of its first-ranked token minus that of the second, nats';
COMMENT ON COLUMN first_divergence.margin_b IS 'Margin of b at that token';

CREATE TABLE agreement_survival (
    artifact VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    survival DOUBLE,
    low DOUBLE,
    high DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE agreement_survival IS 'A class, or two, at a number of generated tokens: a point of the Kaplan-Meier curve of agreement. Texts that end identically agree to the last step. The rows behind rollout_agreement. Grain: artifact, mode, pool, other, step.';
COMMENT ON COLUMN agreement_survival.artifact IS 'Rollout artifact';
COMMENT ON COLUMN agreement_survival.step IS 'Tokens generated; 0 is the prompt';
COMMENT ON COLUMN agreement_survival.survival IS 'Share in agreement so far (Kaplan-Meier)';
COMMENT ON COLUMN agreement_survival.low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN agreement_survival.documents IS 'Documents of the prompts';

CREATE TABLE rollout_pool (
    artifact VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    floor DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE rollout_pool IS 'A class, or two, with a divergence of generated texts, averaged over pairs. The rows behind rollout_summary. Grain: artifact, mode, pool, other, metric.';
COMMENT ON COLUMN rollout_pool.artifact IS 'Rollout artifact';
COMMENT ON COLUMN rollout_pool.metric IS 'agreed_tokens (restricted mean of the tokens before the first difference), censored (share of pairs and prompts without a difference), loops (share of texts that end in a loop), sequence_kl (exact KL of the predictive distributions summed along a text of the first, per token: Rao-Blackwell), cross_nats (loss of the second on texts of the first), text_kl (the same KL along the true continuation); across two classes the last three are means of both directions';
COMMENT ON COLUMN rollout_pool.value IS 'Mean; sequence_kl, cross_nats and text_kl in nats per token';
COMMENT ON COLUMN rollout_pool.low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN rollout_pool.floor IS 'Noise floor: members against themselves in another batch; NULL if not measured';
COMMENT ON COLUMN rollout_pool.documents IS 'Documents of the prompts';

CREATE TABLE sequence_divergence (
    artifact VARCHAR NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    kl DOUBLE,
    kl_low DOUBLE,
    kl_high DOUBLE,
    cross_nats DOUBLE,
    text_kl DOUBLE,
    tokens BIGINT,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE sequence_divergence IS 'A member on the texts that another wrote, with its loss there: the KL between the two as distributions over texts. Grain: artifact, model_a, model_b.';
COMMENT ON COLUMN sequence_divergence.artifact IS 'Rollout artifact';
COMMENT ON COLUMN sequence_divergence.model_a IS 'Member that generated the texts, sampled at the temperature of the study';
COMMENT ON COLUMN sequence_divergence.model_b IS 'Member that scores them, possibly the same';
COMMENT ON COLUMN sequence_divergence.kl IS 'Mean KL(a || b) of the predictive distributions along the texts of a, nats per token: Rao-Blackwell estimate of the KL of their text distributions';
COMMENT ON COLUMN sequence_divergence.kl_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN sequence_divergence.cross_nats IS 'Loss of b on the texts of a, nats per token';
COMMENT ON COLUMN sequence_divergence.text_kl IS 'Mean KL(a || b) along the true continuations of the prompts';
COMMENT ON COLUMN sequence_divergence.tokens IS 'Tokens generated';
COMMENT ON COLUMN sequence_divergence.documents IS 'Documents of the prompts: the units of the interval';
