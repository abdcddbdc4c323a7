CREATE TABLE thinking_answer (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    tokens BIGINT NOT NULL,
    trained_format VARCHAR NOT NULL,
    answer_format VARCHAR NOT NULL,
    nats DOUBLE,
    nats_free DOUBLE,
    accuracy DOUBLE,
    accuracy_free DOUBLE,
    pairs_bound DOUBLE,
    nats_repeated DOUBLE,
    nats_later DOUBLE,
    step_nats DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE thinking_answer IS 'A member of lag after some steps of training and a format of the text before an answer, with the loss of its answers: does it compute them in the residual stream, over fillers, or in written steps? The rows behind thinking_by_format. Grain: artifact, model, step, answer_format.';
COMMENT ON COLUMN thinking_answer.artifact IS 'Thinking artifact';
COMMENT ON COLUMN thinking_answer.step IS 'Optimiser steps of its training';
COMMENT ON COLUMN thinking_answer.tokens IS 'Tokens it had been trained on';
COMMENT ON COLUMN thinking_answer.trained_format IS 'Format of the documents it was trained on: direct, filler, steps, or mixed: each document in filler or steps';
COMMENT ON COLUMN thinking_answer.answer_format IS 'Format of the documents it answers in: direct, filler or steps';
COMMENT ON COLUMN thinking_answer.nats IS 'Loss of the answer to the first question after the exact text, nats';
COMMENT ON COLUMN thinking_answer.nats_free IS 'The same after steps that the member writes, over all of them by its probability of writing them; equal to nats in formats without steps';
COMMENT ON COLUMN thinking_answer.accuracy IS 'Share of first answers that are its likeliest token, after the exact text';
COMMENT ON COLUMN thinking_answer.accuracy_free IS 'The same after steps that the member writes';
COMMENT ON COLUMN thinking_answer.pairs_bound IS 'Pairs bound by a predictor with this nats_free: read off the ladder of exact prices; a mixture of no and all pairs bound reads as some';
COMMENT ON COLUMN thinking_answer.nats_repeated IS 'Loss of the second answer where its lag is that of the first question, so that it can be copied, nats';
COMMENT ON COLUMN thinking_answer.nats_later IS 'Loss of the second answer where its lag is another one, nats';
COMMENT ON COLUMN thinking_answer.step_nats IS 'Loss of a written step of the first question, nats; NULL in formats without steps';
COMMENT ON COLUMN thinking_answer.documents IS 'Documents, the same letters and lags for every format';

CREATE TABLE thinking_step (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    trained_format VARCHAR NOT NULL,
    answer_format VARCHAR NOT NULL,
    pair INTEGER NOT NULL,
    nats DOUBLE,
    accuracy DOUBLE,
    guess DOUBLE
);
COMMENT ON TABLE thinking_step IS 'A member of lag after some steps of training and a pair of letters of the first question, with the loss of the step that says whether it matches: which steps are learned? Grain: artifact, model, step, answer_format, pair.';
COMMENT ON COLUMN thinking_step.artifact IS 'Thinking artifact';
COMMENT ON COLUMN thinking_step.step IS 'Optimiser steps of its training';
COMMENT ON COLUMN thinking_step.trained_format IS 'Format of the documents it was trained on, as in thinking_answer';
COMMENT ON COLUMN thinking_step.answer_format IS 'Format of the documents it answers in, as in thinking_answer';
COMMENT ON COLUMN thinking_step.pair IS 'Which pair of letters, from 1';
COMMENT ON COLUMN thinking_step.nats IS 'Loss of the written step after the exact text, nats';
COMMENT ON COLUMN thinking_step.accuracy IS 'Share of steps where the likelier of no and yes is right';
COMMENT ON COLUMN thinking_step.guess IS 'Exact loss of a step that is guessed, nats';

CREATE TABLE thinking_price (
    artifact VARCHAR NOT NULL,
    capability VARCHAR NOT NULL,
    priced VARCHAR NOT NULL,
    nats DOUBLE
);
COMMENT ON TABLE thinking_price IS 'A capability of lag with the exact loss of an answer without it: what does a loss say about how many pairs are bound? Grain: artifact, capability.';
COMMENT ON COLUMN thinking_price.artifact IS 'Thinking artifact';
COMMENT ON COLUMN thinking_price.capability IS 'binds-j: binds j pairs of the question and guesses the others. no-pairing: knows the letters of the pairs, not which belong together. repeats-only: copies the answer to the same lag. guess: guesses a step';
COMMENT ON COLUMN thinking_price.priced IS 'What costs this much: answer, second answer or step';
COMMENT ON COLUMN thinking_price.nats IS 'Exact expected loss, nats; the optimum is 0';
