CREATE TABLE universal_bound (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    is_final BOOLEAN NOT NULL,
    token_id INTEGER NOT NULL,
    token VARCHAR,
    occurrences BIGINT,
    log_p_bound DOUBLE,
    log_p_bound_real DOUBLE,
    log_p_attained DOUBLE,
    gap DOUBLE,
    log_p_floor DOUBLE,
    neighbour VARCHAR,
    neighbour_nats DOUBLE
);
COMMENT ON TABLE universal_bound IS 'A token with its certified bound: the largest probability it can have after any prefix of any length, from the final norm and the unembedding of a member. The rows behind verdict. Grain: artifact, model, step, token_id.';
COMMENT ON COLUMN universal_bound.artifact IS 'Universal artifact';
COMMENT ON COLUMN universal_bound.step IS 'Optimiser steps after which the weights were saved; of a checkpoint its factor step, 0 without one';
COMMENT ON COLUMN universal_bound.is_final IS 'Whether they are the last weights, those of the member';
COMMENT ON COLUMN universal_bound.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN universal_bound.token IS 'The token as text';
COMMENT ON COLUMN universal_bound.occurrences IS 'How often it occurs in the train split';
COMMENT ON COLUMN universal_bound.log_p_bound IS 'Proved: ln P(token | any prefix) is at most this, for the softmax of the float32 logits';
COMMENT ON COLUMN universal_bound.log_p_bound_real IS 'The same in exact arithmetic; log_p_bound adds an allowance for float32';
COMMENT ON COLUMN universal_bound.log_p_attained IS 'ln P at a point of the ball: no bound over the ball can be lower. A prefix need not reach this point';
COMMENT ON COLUMN universal_bound.gap IS 'Duality gap, log_p_bound_real - log_p_attained, nats';
COMMENT ON COLUMN universal_bound.log_p_floor IS 'Proved: ln P(token | any prefix) is at least this';
COMMENT ON COLUMN universal_bound.neighbour IS 'The token with the most confined odds against this one';
COMMENT ON COLUMN universal_bound.neighbour_nats IS 'Proved: the log odds of the two are within plus and minus this after any prefix';

CREATE TABLE universal_certificate (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    is_final BOOLEAN NOT NULL,
    certificate VARCHAR,
    sha256 VARCHAR,
    tokens INTEGER,
    width INTEGER,
    radius DOUBLE,
    gap_largest DOUBLE,
    gap_median DOUBLE,
    unreached INTEGER,
    logit_error DOUBLE,
    logit_error_measured DOUBLE,
    iterations BIGINT,
    operations DOUBLE,
    bytes BIGINT,
    norm VARCHAR,
    mean_ratio DOUBLE
);
COMMENT ON TABLE universal_certificate IS 'A certificate of a member: a point for every token, from which `manymasks verify` re-derives the bounds with the weights alone. Grain: artifact, model, step.';
COMMENT ON COLUMN universal_certificate.artifact IS 'Universal artifact';
COMMENT ON COLUMN universal_certificate.step IS 'Optimiser steps after which the weights were saved; of a checkpoint its factor step, 0 without one';
COMMENT ON COLUMN universal_certificate.is_final IS 'Whether they are the last weights, those of the member';
COMMENT ON COLUMN universal_certificate.certificate IS 'File in the folder of the artifact';
COMMENT ON COLUMN universal_certificate.sha256 IS 'Digest of gain times unembedding, which the bounds are about; of a checkpoint that of norm and unembedding with their biases';
COMMENT ON COLUMN universal_certificate.tokens IS 'Tokens of the vocabulary';
COMMENT ON COLUMN universal_certificate.width IS 'Width of the residual stream';
COMMENT ON COLUMN universal_certificate.radius IS 'Radius of the ball of normalised residual streams, the root of the width';
COMMENT ON COLUMN universal_certificate.gap_largest IS 'Largest duality gap of a token, nats';
COMMENT ON COLUMN universal_certificate.gap_median IS 'Median duality gap, nats';
COMMENT ON COLUMN universal_certificate.unreached IS 'Tokens with a gap above universal.gap: their bounds hold, and may be improved';
COMMENT ON COLUMN universal_certificate.logit_error IS 'Bound of the rounding error of a float32 logit, which the bounds allow for';
COMMENT ON COLUMN universal_certificate.logit_error_measured IS 'Largest difference between float32 logits and those of the same stream in float64, on windows of the train split';
COMMENT ON COLUMN universal_certificate.iterations IS 'Iterations of the optimiser, over all tokens';
COMMENT ON COLUMN universal_certificate.operations IS 'Floating-point operations of their matrix products';
COMMENT ON COLUMN universal_certificate.bytes IS 'Size of the points';
COMMENT ON COLUMN universal_certificate.norm IS 'The final norm: rms, or layer, which subtracts the mean';
COMMENT ON COLUMN universal_certificate.mean_ratio IS 'Layer norm: largest mean of the last residual stream over its standard deviation, on windows of the train split. What is proved of float32 logits holds up to 4; NULL for rms';

CREATE TABLE witness (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    token_id INTEGER NOT NULL,
    method VARCHAR NOT NULL,
    exhausted INTEGER,
    log_p DOUBLE,
    prefix_length INTEGER,
    prefix VARCHAR,
    prefix_tokens VARCHAR
);
COMMENT ON TABLE witness IS 'A witness: the prefix after which a token is most probable, of those that a method tried. The rows behind verdict. Grain: artifact, model, token_id, method.';
COMMENT ON COLUMN witness.artifact IS 'Universal artifact';
COMMENT ON COLUMN witness.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN witness.method IS 'Prefixes that were tried. text: of windows of the train split. short: all up to a length, so that the value is the exact maximum there. search: an archive of prefixes that starts from the others. mixture N: N tokens that bring the attention of one layer close to the mixture behind attention_bound';
COMMENT ON COLUMN witness.exhausted IS 'short: all prefixes of up to so many tokens were tried; NULL for other methods';
COMMENT ON COLUMN witness.log_p IS 'ln P of the token after the prefix, which refutes every lower bound';
COMMENT ON COLUMN witness.prefix_length IS 'Tokens of the prefix';
COMMENT ON COLUMN witness.prefix IS 'The prefix as text';
COMMENT ON COLUMN witness.prefix_tokens IS 'The prefix as token ids';

CREATE TABLE proof_transfer (
    artifact VARCHAR NOT NULL,
    source_model VARCHAR NOT NULL,
    target_model VARCHAR NOT NULL,
    tokens INTEGER,
    cost_median DOUBLE,
    cost_mean DOUBLE,
    cost_high DOUBLE,
    bound_correlation DOUBLE,
    witness_home DOUBLE,
    witness_away DOUBLE,
    witness_correlation DOUBLE
);
COMMENT ON TABLE proof_transfer IS 'Two members, the proofs and best prefixes of one used for the other: what does a transfer cost? Within classes all pairs, across classes their first members. Grain: artifact, source_model, target_model.';
COMMENT ON COLUMN proof_transfer.artifact IS 'Universal artifact';
COMMENT ON COLUMN proof_transfer.source_model IS 'Member whose proofs and prefixes are taken';
COMMENT ON COLUMN proof_transfer.target_model IS 'Member that they are used for';
COMMENT ON COLUMN proof_transfer.tokens IS 'Tokens of the vocabulary';
COMMENT ON COLUMN proof_transfer.cost_median IS 'Median over tokens of the bound by the source''s proof minus that by the target''s, nats';
COMMENT ON COLUMN proof_transfer.cost_mean IS 'Mean over tokens of the same';
COMMENT ON COLUMN proof_transfer.cost_high IS '95% quantile over tokens of the same';
COMMENT ON COLUMN proof_transfer.bound_correlation IS 'Rank correlation of the bounds of the two over tokens';
COMMENT ON COLUMN proof_transfer.witness_home IS 'Median over tokens of ln P in the source after its best prefixes';
COMMENT ON COLUMN proof_transfer.witness_away IS 'Median over tokens of ln P in the target after the same prefixes';
COMMENT ON COLUMN proof_transfer.witness_correlation IS 'Rank correlation of the two over tokens';

CREATE TABLE statement_multiplicity (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    threshold DOUBLE NOT NULL,
    statements INTEGER,
    members INTEGER,
    proved_mean DOUBLE,
    core INTEGER,
    refuted INTEGER,
    contested INTEGER,
    open INTEGER,
    shared INTEGER,
    discrepancy DOUBLE,
    jaccard DOUBLE,
    jaccard_low DOUBLE,
    jaccard_high DOUBLE,
    jaccard_by_chance DOUBLE,
    correlation DOUBLE,
    correlation_low DOUBLE,
    correlation_high DOUBLE
);
COMMENT ON TABLE statement_multiplicity IS 'A Rashomon set and a threshold: how many of the statements that a token has at most this probability after any prefix are proved of all members, refuted of all, contested or open? Sets of at least two members, without those in unbounded_member. The rows behind shared_proofs. Grain: artifact, rashomon_set, threshold.';
COMMENT ON COLUMN statement_multiplicity.artifact IS 'Universal artifact';
COMMENT ON COLUMN statement_multiplicity.threshold IS 'Probability that a token does not exceed, by the statement';
COMMENT ON COLUMN statement_multiplicity.statements IS 'Statements: one for every token';
COMMENT ON COLUMN statement_multiplicity.proved_mean IS 'Share of statements that is proved of a member, mean over members';
COMMENT ON COLUMN statement_multiplicity.core IS 'Statements proved of every member';
COMMENT ON COLUMN statement_multiplicity.refuted IS 'Statements refuted of every member';
COMMENT ON COLUMN statement_multiplicity.contested IS 'Statements proved of a member and refuted of another';
COMMENT ON COLUMN statement_multiplicity.open IS 'All other statements: neither proved nor refuted of some member, and without contest';
COMMENT ON COLUMN statement_multiplicity.shared IS 'Statements that one proof, the mean over the members, proves of every member';
COMMENT ON COLUMN statement_multiplicity.discrepancy IS 'Largest share of statements that two members contest';
COMMENT ON COLUMN statement_multiplicity.jaccard IS 'Intersection over union of the statements proved of two members, mean over pairs; NULL where a pair has none';
COMMENT ON COLUMN statement_multiplicity.jaccard_low IS 'Lower end of its interval over members; NULL for fewer than three';
COMMENT ON COLUMN statement_multiplicity.jaccard_by_chance IS 'The same if members'' statements were proved independently';
COMMENT ON COLUMN statement_multiplicity.correlation IS 'Rank correlation over tokens of the bounds of two members, mean over pairs';
COMMENT ON COLUMN statement_multiplicity.correlation_low IS 'Lower end of its interval over members; NULL for fewer than three';

CREATE TABLE attention_bound (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    token_id INTEGER NOT NULL,
    token VARCHAR,
    log_p_ball DOUBLE,
    log_p_bound DOUBLE,
    log_p_attained DOUBLE,
    last_token VARCHAR,
    separated DOUBLE,
    mixed_tokens INTEGER,
    certificate VARCHAR
);
COMMENT ON TABLE attention_bound IS 'A token of a member of one layer without an MLP, with its bound over prefixes of any length by what its layer can write: how near does it come to the truth? Sampled tokens. Grain: artifact, model, token_id.';
COMMENT ON COLUMN attention_bound.artifact IS 'Universal artifact';
COMMENT ON COLUMN attention_bound.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN attention_bound.token IS 'The token as text';
COMMENT ON COLUMN attention_bound.log_p_ball IS 'Bound of ln P from the final norm and the unembedding alone';
COMMENT ON COLUMN attention_bound.log_p_bound IS 'Proved in exact arithmetic of the layer: ln P(token | any prefix) is at most this, the largest over last tokens';
COMMENT ON COLUMN attention_bound.log_p_attained IS 'ln P at a mixture of what tokens leave, each repeated: no such bound can be lower. With one head of attention, prefixes come as close to it as wanted; a recurrence need not reach all mixtures';
COMMENT ON COLUMN attention_bound.last_token IS 'Last token of the prefixes that come closest';
COMMENT ON COLUMN attention_bound.separated IS 'Share of last tokens for which the layer cannot write the origin, so that the bound is tighter than that of the ball';
COMMENT ON COLUMN attention_bound.mixed_tokens IS 'Tokens with at least a thousandth of the attention, or of the state, in the mixture; the empty state counts as one';
COMMENT ON COLUMN attention_bound.certificate IS 'File in the folder of the artifact, from which `manymasks verify` re-derives the bounds by last token';

CREATE TABLE last_token_bound (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    token_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    token VARCHAR,
    last_token VARCHAR,
    log_p_bound DOUBLE
);
COMMENT ON TABLE last_token_bound IS 'A token and the last token of a prefix, in a member of one layer without an MLP: how probable can the one become after prefixes of any length that end in the other? Sampled tokens. Grain: artifact, model, token_id, last_id.';
COMMENT ON COLUMN last_token_bound.artifact IS 'Universal artifact';
COMMENT ON COLUMN last_token_bound.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN last_token_bound.last_id IS 'Number of the last token of the prefix';
COMMENT ON COLUMN last_token_bound.token IS 'The token as text';
COMMENT ON COLUMN last_token_bound.last_token IS 'The last token of the prefix as text';
COMMENT ON COLUMN last_token_bound.log_p_bound IS 'Proved in exact arithmetic of the layer: ln P(token | any prefix that ends in the last token) is at most this';

CREATE TABLE never_both (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    token_a_id INTEGER NOT NULL,
    token_b_id INTEGER NOT NULL,
    token_a VARCHAR,
    token_b VARCHAR,
    log_p_bound DOUBLE,
    log_p_attained DOUBLE,
    log_p_best DOUBLE,
    prefix VARCHAR,
    certificate VARCHAR
);
COMMENT ON TABLE never_both IS 'A pair of frequent tokens with a certified bound of the lesser of their probabilities: after no prefix are both more probable. The rows behind pair_verdict. Grain: artifact, model, token_a_id, token_b_id.';
COMMENT ON COLUMN never_both.artifact IS 'Universal artifact';
COMMENT ON COLUMN never_both.token_a_id IS 'Number of one token in the vocabulary';
COMMENT ON COLUMN never_both.token_b_id IS 'Number of the other one';
COMMENT ON COLUMN never_both.token_a IS 'One token as text';
COMMENT ON COLUMN never_both.token_b IS 'The other one as text';
COMMENT ON COLUMN never_both.log_p_bound IS 'Proved: after any prefix the lesser ln P of the two is at most this, and never more than ln 1/2';
COMMENT ON COLUMN never_both.log_p_attained IS 'The lesser ln P at a point of the ball: no bound over the ball can be lower';
COMMENT ON COLUMN never_both.log_p_best IS 'The lesser ln P after the best prefix that was tried';
COMMENT ON COLUMN never_both.prefix IS 'The prefix as text';
COMMENT ON COLUMN never_both.certificate IS 'File in the folder of the artifact, from which `manymasks verify` re-derives the bound';

CREATE TABLE never_first (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    token_id INTEGER NOT NULL,
    token VARCHAR,
    occurrences BIGINT,
    lead_bound DOUBLE,
    lead_attained DOUBLE,
    allowance DOUBLE,
    others INTEGER,
    lead_best DOUBLE,
    prefix VARCHAR,
    certificate VARCHAR
);
COMMENT ON TABLE never_first IS 'A token with a certified bound of its lead, its logit minus the largest of all others: is it never the greedy token? Sampled tokens. The rows behind lead_verdict. Grain: artifact, model, token_id.';
COMMENT ON COLUMN never_first.artifact IS 'Universal artifact';
COMMENT ON COLUMN never_first.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN never_first.token IS 'The token as text';
COMMENT ON COLUMN never_first.occurrences IS 'How often it occurs in the train split';
COMMENT ON COLUMN never_first.lead_bound IS 'Proved: after any prefix the token is ahead of all others by at most so many nats';
COMMENT ON COLUMN never_first.lead_attained IS 'Its lead at a point of the ball: no bound over the ball can be lower';
COMMENT ON COLUMN never_first.allowance IS 'Nats of the bound that allow for float32. Where logits have no biases, no bound is below this';
COMMENT ON COLUMN never_first.others IS 'Number of other tokens whose mixture the token is compared with';
COMMENT ON COLUMN never_first.lead_best IS 'Its lead after the best prefix that was tried; positive where it is ranked first';
COMMENT ON COLUMN never_first.prefix IS 'The prefix as text';
COMMENT ON COLUMN never_first.certificate IS 'File in the folder of the artifact, from which `manymasks verify` re-derives the bound';

CREATE TABLE process_statement (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    last_id INTEGER NOT NULL,
    token_id INTEGER NOT NULL,
    last_token VARCHAR,
    token VARCHAR,
    log_p_bound DOUBLE,
    possible_length INTEGER,
    log_p_possible DOUBLE,
    prefix_possible VARCHAR,
    log_p_text DOUBLE,
    prefix_text VARCHAR,
    short_length INTEGER,
    log_p_short DOUBLE,
    prefix_short VARCHAR
);
COMMENT ON TABLE process_statement IS 'A token that never follows another one in a known process, so that its probability there is 0: how probable does a member make it? Exact up to a length. The rows behind process_verdict. Grain: artifact, model, last_id, token_id.';
COMMENT ON COLUMN process_statement.artifact IS 'Universal artifact';
COMMENT ON COLUMN process_statement.process IS 'Name of the process';
COMMENT ON COLUMN process_statement.last_id IS 'Number of the last token of the prefix';
COMMENT ON COLUMN process_statement.token_id IS 'Number of the token in the vocabulary';
COMMENT ON COLUMN process_statement.last_token IS 'The last token of the prefix as text';
COMMENT ON COLUMN process_statement.token IS 'The token as text';
COMMENT ON COLUMN process_statement.log_p_bound IS 'Bound of ln P(token | any prefix) over the ball, whatever the last token: it cannot be small for a token that is probable elsewhere';
COMMENT ON COLUMN process_statement.possible_length IS 'All prefixes of up to so many tokens that the process can produce were tried';
COMMENT ON COLUMN process_statement.log_p_possible IS 'Largest ln P of the token after those that end in the last token, exact up to rounding; NULL if none does';
COMMENT ON COLUMN process_statement.prefix_possible IS 'The prefix that attains it';
COMMENT ON COLUMN process_statement.log_p_text IS 'Largest ln P after prefixes of documents of the train split that end in the last token';
COMMENT ON COLUMN process_statement.prefix_text IS 'The prefix that attains it';
COMMENT ON COLUMN process_statement.short_length IS 'All prefixes of up to so many tokens were tried, possible or not';
COMMENT ON COLUMN process_statement.log_p_short IS 'Largest ln P after those that end in the last token, exact up to rounding';
COMMENT ON COLUMN process_statement.prefix_short IS 'The prefix that attains it';

CREATE TABLE unbounded_member (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    reason VARCHAR
);
COMMENT ON TABLE unbounded_member IS 'A pretrained member without bounds over every prefix: why do they not apply to it? Grain: artifact, model.';
COMMENT ON COLUMN unbounded_member.artifact IS 'Universal artifact';
COMMENT ON COLUMN unbounded_member.reason IS 'What its output layer has that the bounds do not cover';
