CREATE TABLE operator_spectrum (
    artifact VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    model VARCHAR,
    number INTEGER NOT NULL,
    re DOUBLE,
    im DOUBLE,
    re_error DOUBLE,
    memory DOUBLE,
    singular_value DOUBLE
);
COMMENT ON TABLE operator_spectrum IS 'A predictor with an eigenvalue of the operator of one letter that its predictions imply: 1 once for each ergodic part, the others are mixing within parts. The rows behind decomposition. Grain: artifact, predictor, model, number.';
COMMENT ON COLUMN operator_spectrum.artifact IS 'Decomposition artifact';
COMMENT ON COLUMN operator_spectrum.predictor IS 'bayes: the exact predictor. window K: the exact predictor that sees the last K letters. member. untrained: a member at initialisation. independent: the exact predictor with noise as large as the errors of a member. exchanged: with the errors of a member after other prompts';
COMMENT ON COLUMN operator_spectrum.model IS 'The member that it is, or whose errors it has; NULL for bayes and windows';
COMMENT ON COLUMN operator_spectrum.number IS 'Rank of the eigenvalue by its real part, from 1';
COMMENT ON COLUMN operator_spectrum.re IS 'Real part';
COMMENT ON COLUMN operator_spectrum.im IS 'Imaginary part';
COMMENT ON COLUMN operator_spectrum.re_error IS 'Standard error of the real part over documents, delete-one jackknife';
COMMENT ON COLUMN operator_spectrum.memory IS 'Letters over which its coordinate falls to 1/e; NULL from 1 on. Errors of predictions shorten it: compare with the noise';
COMMENT ON COLUMN operator_spectrum.singular_value IS 'Singular value of the predictions of three letters with this rank, relative to the first';

CREATE TABLE decomposition (
    artifact VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    model VARCHAR,
    parts INTEGER,
    clocks INTEGER,
    directions INTEGER,
    slowest DOUBLE,
    next_slowest DOUBLE,
    kl DOUBLE
);
COMMENT ON TABLE decomposition IS 'A predictor with the number of its ergodic parts: how many speakers does it tell apart, by its predictions alone? Grain: artifact, predictor, model.';
COMMENT ON COLUMN decomposition.artifact IS 'Decomposition artifact';
COMMENT ON COLUMN decomposition.predictor IS 'bayes, window K, member, untrained, independent or exchanged, as in operator_spectrum';
COMMENT ON COLUMN decomposition.model IS 'The member that it is, or whose errors it has; NULL for bayes and windows';
COMMENT ON COLUMN decomposition.parts IS 'Eigenvalues whose coordinate keeps 1/e of its value for decomposition.memory letters';
COMMENT ON COLUMN decomposition.clocks IS 'Eigenvalues that keep as much and rotate';
COMMENT ON COLUMN decomposition.directions IS 'Directions of the predictions that are kept';
COMMENT ON COLUMN decomposition.slowest IS 'Real part of the last eigenvalue that counts as a part';
COMMENT ON COLUMN decomposition.next_slowest IS 'Real part of the first one that does not';
COMMENT ON COLUMN decomposition.kl IS 'KL from the exact distribution of the next four letters, nats';

CREATE TABLE part_weight (
    artifact VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    model VARCHAR,
    reading VARCHAR NOT NULL,
    letters INTEGER,
    r2 DOUBLE,
    agree DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE part_weight IS 'A predictor after prompts of a length, with its weights of the parts against the exact posterior: does it know who speaks? Grain: artifact, predictor, model, reading, letters.';
COMMENT ON COLUMN part_weight.artifact IS 'Decomposition artifact';
COMMENT ON COLUMN part_weight.predictor IS 'bayes, window K, member, untrained, independent or exchanged, as in operator_spectrum';
COMMENT ON COLUMN part_weight.model IS 'The member that it is, or whose errors it has; NULL for bayes and windows';
COMMENT ON COLUMN part_weight.reading IS 'operators: from its predictions alone. masks: the closest mixture of the true masks';
COMMENT ON COLUMN part_weight.letters IS 'Letters of the prompt; NULL for all lengths together';
COMMENT ON COLUMN part_weight.r2 IS 'Share of the variance of the posterior explained, parts matched to masks; negative where parts are missing';
COMMENT ON COLUMN part_weight.agree IS 'Share of prompts at which both have the same likeliest part';

CREATE TABLE decomposition_pair (
    artifact VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    r2 DOUBLE,
    error_correlation DOUBLE
);
COMMENT ON TABLE decomposition_pair IS 'Two members, or exact predictors with errors of their size, with how far their weights of the parts agree. The pairs behind decomposition_class. Grain: artifact, predictor, reading, model_a, model_b.';
COMMENT ON COLUMN decomposition_pair.artifact IS 'Decomposition artifact';
COMMENT ON COLUMN decomposition_pair.predictor IS 'member, independent or exchanged, as in operator_spectrum';
COMMENT ON COLUMN decomposition_pair.reading IS 'operators: from predictions alone. masks: the closest mixture of the true masks';
COMMENT ON COLUMN decomposition_pair.r2 IS '1 minus the squared differences of weights over their variance; parts matched to each other';
COMMENT ON COLUMN decomposition_pair.error_correlation IS 'Correlation of their errors against the exact posterior, about 0; NULL where it is not known';

CREATE TABLE decomposition_class (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    r2 DOUBLE,
    r2_low DOUBLE,
    r2_high DOUBLE,
    between DOUBLE,
    between_low DOUBLE,
    between_high DOUBLE,
    error_correlation DOUBLE,
    error_correlation_low DOUBLE,
    error_correlation_high DOUBLE,
    models INTEGER,
    documents INTEGER
);
COMMENT ON TABLE decomposition_class IS 'A class, or exact predictors with errors as large as those of its members, with what they agree on: agreement that noise has too is made by the estimator. Grain: artifact, size, variant, predictor, reading.';
COMMENT ON COLUMN decomposition_class.artifact IS 'Decomposition artifact';
COMMENT ON COLUMN decomposition_class.predictor IS 'member, independent or exchanged, as in operator_spectrum';
COMMENT ON COLUMN decomposition_class.reading IS 'operators: from predictions alone. masks: the closest mixture of the true masks';
COMMENT ON COLUMN decomposition_class.r2 IS 'Share of the variance of the exact posterior explained, mean over members; NULL where it is not known';
COMMENT ON COLUMN decomposition_class.r2_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN decomposition_class.between IS '1 minus the squared differences of weights over their variance, mean over pairs';
COMMENT ON COLUMN decomposition_class.between_low IS 'Lower end of its interval over members (delete-one jackknife) and documents; NULL below 3 members';
COMMENT ON COLUMN decomposition_class.error_correlation IS 'Correlation of errors against the exact posterior, about 0, mean over pairs; NULL where it is not known';
COMMENT ON COLUMN decomposition_class.error_correlation_low IS 'Lower end of its interval over members (delete-one jackknife) and documents; NULL below 3 members';

CREATE TABLE prediction (
    artifact VARCHAR NOT NULL,
    measurement VARCHAR NOT NULL,
    quantity VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    predicted_low DOUBLE,
    predicted_high DOUBLE,
    source VARCHAR NOT NULL,
    seen DOUBLE,
    seen_low DOUBLE,
    seen_high DOUBLE
);
COMMENT ON TABLE prediction IS 'A quantity of a class that was predicted before the run, with the range that was predicted and what came. Grain: artifact, measurement, quantity, corpus, size, variant.';
COMMENT ON COLUMN prediction.artifact IS 'Artifact of the stage that measured it';
COMMENT ON COLUMN prediction.measurement IS 'Stage that measured it';
COMMENT ON COLUMN prediction.quantity IS 'Name of the quantity';
COMMENT ON COLUMN prediction.predicted_low IS 'Lower end of the range predicted; NULL for no end';
COMMENT ON COLUMN prediction.predicted_high IS 'Upper end of the range predicted; NULL for no end';
COMMENT ON COLUMN prediction.source IS 'What the range comes from: a proof, or an earlier run';
COMMENT ON COLUMN prediction.seen IS 'What came; NULL where it was not measured';
COMMENT ON COLUMN prediction.seen_low IS 'Lower end of its interval; of a count or an eigenvalue, the lowest of a member';
COMMENT ON COLUMN prediction.seen_high IS 'Upper end of its interval; of a count or an eigenvalue, the highest of a member';
