CREATE TABLE explored_token (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    position INTEGER NOT NULL,
    document VARCHAR NOT NULL,
    token VARCHAR NOT NULL,
    information DOUBLE,
    within_information DOUBLE,
    nats DOUBLE,
    distinct_top1 INTEGER,
    models INTEGER
);
COMMENT ON TABLE explored_token IS 'A token of a sampled context of a probe, in order, with the disagreement of the members where it is scored: read a text and see where equally good models differ. The contexts of the explorer. Grain: artifact, severity, item, position.';
COMMENT ON COLUMN explored_token.artifact IS 'Explorer artifact';
COMMENT ON COLUMN explored_token.item IS 'Window of the probe, the same text at all severities if the probe changes contexts';
COMMENT ON COLUMN explored_token.position IS 'Position in the window, counted from its first token';
COMMENT ON COLUMN explored_token.document IS 'Document of the window';
COMMENT ON COLUMN explored_token.information IS 'I(Y; model) over all members, nats; NULL, with all that follow but models, for tokens of the context that are not scored';
COMMENT ON COLUMN explored_token.within_information IS 'I(Y; model) over the members of a class, nats, mean over classes: the disagreement of models that differ in seeds alone';
COMMENT ON COLUMN explored_token.nats IS 'Mean loss of the members on the token';

CREATE TABLE explored_prediction (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    position INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    token VARCHAR NOT NULL,
    p DOUBLE,
    is_true BOOLEAN NOT NULL
);
COMMENT ON TABLE explored_prediction IS 'A token that a member ranks among the first after a sampled context, with its probability, and the true token wherever it ranks: what would each model say? Grain: artifact, severity, item, position, model, rank.';
COMMENT ON COLUMN explored_prediction.artifact IS 'Explorer artifact';
COMMENT ON COLUMN explored_prediction.item IS 'Window of the probe';
COMMENT ON COLUMN explored_prediction.position IS 'Position of the predicted token in the window';
COMMENT ON COLUMN explored_prediction.rank IS 'Rank in the law of the member, from 1: the first ones, and that of the true token where it is a later one';
COMMENT ON COLUMN explored_prediction.token IS 'Predicted token';
COMMENT ON COLUMN explored_prediction.p IS 'Its probability';
COMMENT ON COLUMN explored_prediction.is_true IS 'Whether it is the token of the text';

CREATE TABLE explored_continuation (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    token VARCHAR NOT NULL,
    p DOUBLE
);
COMMENT ON TABLE explored_continuation IS 'A token that a member writes greedily after a sampled context of a probe without severities, in place of the scored tokens: where do equally good models part? Grain: artifact, severity, item, model, position.';
COMMENT ON COLUMN explored_continuation.artifact IS 'Explorer artifact';
COMMENT ON COLUMN explored_continuation.item IS 'Window of the probe';
COMMENT ON COLUMN explored_continuation.position IS 'Position that it takes in the window; the last one is an end of text, or that of the last scored token';
COMMENT ON COLUMN explored_continuation.token IS 'First-ranked token';
COMMENT ON COLUMN explored_continuation.p IS 'Its probability';

CREATE TABLE explored_pair (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    path VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    kl DOUBLE
);
COMMENT ON TABLE explored_pair IS 'Two members of a class at a token of a sampled context, with their KL: on which token do two models of equal loss differ? Grain: artifact, severity, item, path, position, model_a, model_b.';
COMMENT ON COLUMN explored_pair.artifact IS 'Explorer artifact';
COMMENT ON COLUMN explored_pair.item IS 'Window of the probe';
COMMENT ON COLUMN explored_pair.path IS 'text: along the scored tokens of the context; greedy: along the continuation that both write, up to the token at which they part';
COMMENT ON COLUMN explored_pair.position IS 'Position of the predicted token in the window';
COMMENT ON COLUMN explored_pair.kl IS 'Mean of KL(a || b) and KL(b || a), full vocabulary, nats';
