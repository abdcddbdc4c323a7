CREATE TABLE mask_weights (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    document INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    mask VARCHAR NOT NULL,
    is_true_mask BOOLEAN,
    weight DOUBLE,
    posterior DOUBLE
);
COMMENT ON TABLE mask_weights IS 'The masks that best explain a member''s own law of the next three letters, beside Bayes. Grain: artifact, model, kind, document, letters, mask.';
COMMENT ON COLUMN mask_weights.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_weights.document IS 'Place of the document in the measure split, the first 40; spliced ones count from 0 by themselves';
COMMENT ON COLUMN mask_weights.kind IS 'plain, or spliced from two masks';
COMMENT ON COLUMN mask_weights.mask IS 'The mask';
COMMENT ON COLUMN mask_weights.is_true_mask IS 'Whether it is the one that speaks in the document; of a spliced one, the second one. NULL where it is not known, as in plain documents';
COMMENT ON COLUMN mask_weights.weight IS 'Its weight in the mixture that is closest to the member, 0 to 1';
COMMENT ON COLUMN mask_weights.posterior IS 'Its exact probability given the prompt';

CREATE TABLE mask_fit (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    from_bayes DOUBLE,
    from_bayes_low DOUBLE,
    from_bayes_high DOUBLE,
    residual DOUBLE,
    residual_low DOUBLE,
    residual_high DOUBLE,
    excess DOUBLE,
    entropy DOUBLE,
    posterior_entropy DOUBLE,
    sharpening DOUBLE,
    sharpening_low DOUBLE,
    sharpening_high DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE mask_fit IS 'How a member weighs the masks beside Bayes, and what no mask explains; means over documents. Grain: artifact, model, kind, letters.';
COMMENT ON COLUMN mask_fit.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_fit.kind IS 'plain, or spliced from two masks';
COMMENT ON COLUMN mask_fit.from_bayes IS 'KL from the exact posterior of the masks to the member''s weights, nats; what is below 0.01 counts as 0.01 in both, because a weight is known no better';
COMMENT ON COLUMN mask_fit.from_bayes_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_fit.residual IS 'KL from the member''s law of three letters to the mixture, nats: what no mask explains';
COMMENT ON COLUMN mask_fit.residual_low IS 'Lower end of its interval';
COMMENT ON COLUMN mask_fit.excess IS 'KL from the exact law of three letters to the member''s, nats';
COMMENT ON COLUMN mask_fit.entropy IS 'Mean entropy of the weights, nats';
COMMENT ON COLUMN mask_fit.posterior_entropy IS 'Mean exact entropy of the masks given the prompt';
COMMENT ON COLUMN mask_fit.sharpening IS 'Slope of the log-odds of weights on those of Bayes: 1 is calibrated, above 1 sharper than Bayes; what is below 0.01 counts as 0.01 in both';
COMMENT ON COLUMN mask_fit.sharpening_low IS 'Lower end of its interval over documents';

CREATE TABLE mask_inertia (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    before INTEGER NOT NULL,
    median DOUBLE,
    median_low DOUBLE,
    median_high DOUBLE,
    changed DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE mask_inertia IS 'Letters that a member needs to change its mask after a splice. The exact posterior has a row of its own, with a model of that name. Grain: artifact, model.';
COMMENT ON COLUMN mask_inertia.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_inertia.model IS 'Member, or bayes';
COMMENT ON COLUMN mask_inertia.before IS 'Letters of the first mask';
COMMENT ON COLUMN mask_inertia.median IS 'Letters after the splice until the second mask outweighs the first, the median over documents, where those that never do count as the last; NULL where no more than half of them do';
COMMENT ON COLUMN mask_inertia.median_low IS 'Lower end of its interval over documents; NULL where it lies beyond the document';
COMMENT ON COLUMN mask_inertia.median_high IS 'Upper end of its interval; NULL where it lies beyond the document';
COMMENT ON COLUMN mask_inertia.changed IS 'Share of documents in which it does';
COMMENT ON COLUMN mask_inertia.documents IS 'Spliced documents';

CREATE TABLE mask_pair (
    artifact VARCHAR NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    kl DOUBLE,
    kl_low DOUBLE,
    kl_high DOUBLE,
    mask DOUBLE,
    mask_low DOUBLE,
    mask_high DOUBLE,
    machinery DOUBLE,
    machinery_low DOUBLE,
    machinery_high DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE mask_pair IS 'The divergence of two members parted in two: how they weigh the masks, and the rest. Grain: artifact, model_a, model_b, letters.';
COMMENT ON COLUMN mask_pair.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_pair.model_a IS 'First member, the key that sorts first';
COMMENT ON COLUMN mask_pair.model_b IS 'Second member';
COMMENT ON COLUMN mask_pair.kl IS 'KL between their laws of the next three letters, mean of both directions, nats';
COMMENT ON COLUMN mask_pair.kl_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_pair.mask IS 'Of it: KL between the mixtures that explain them best, mean of both directions: the mask';
COMMENT ON COLUMN mask_pair.mask_low IS 'Lower end of its interval';
COMMENT ON COLUMN mask_pair.machinery IS 'The rest of it: the machinery; may be negative';
COMMENT ON COLUMN mask_pair.machinery_low IS 'Lower end of its interval';

CREATE TABLE mask_class (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    share_null DOUBLE,
    share_null_lowest DOUBLE,
    share_null_highest DOUBLE,
    sharpening DOUBLE,
    sharpening_low DOUBLE,
    sharpening_high DOUBLE,
    sharpening_null DOUBLE,
    sharpening_null_lowest DOUBLE,
    sharpening_null_highest DOUBLE,
    from_bayes DOUBLE,
    from_bayes_low DOUBLE,
    from_bayes_high DOUBLE,
    from_bayes_null DOUBLE,
    from_bayes_null_lowest DOUBLE,
    from_bayes_null_highest DOUBLE,
    residual DOUBLE,
    residual_null DOUBLE,
    noise DOUBLE,
    draws INTEGER,
    models INTEGER,
    documents INTEGER
);
COMMENT ON TABLE mask_class IS 'How members of a class weigh the masks, beside exact predictors whose law is multiplied by log-normal noise, independent for each continuation, prompt and predictor and as large as members'' own residual. Errors of a network are alike in neighbouring continuations and after similar prompts, which the noise is not: a yardstick, no test. Grain: artifact, size, variant, letters.';
COMMENT ON COLUMN mask_class.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_class.share IS 'Part of the divergence of two members that lies between the mixtures that explain them best: mean of mask over mean of kl, over pairs';
COMMENT ON COLUMN mask_class.share_low IS 'Lower end of its interval over members (delete-one jackknife) and documents; members may share a seed; NULL below 3 members';
COMMENT ON COLUMN mask_class.share_null IS 'The same of two exact predictors with noise; NULL without noise';
COMMENT ON COLUMN mask_class.share_null_lowest IS 'The least of two draws';
COMMENT ON COLUMN mask_class.share_null_highest IS 'The most of two draws';
COMMENT ON COLUMN mask_class.sharpening IS 'Slope of the log-odds of weights on those of Bayes, mean over members; what is below 0.01 counts as 0.01 in both';
COMMENT ON COLUMN mask_class.sharpening_low IS 'Lower end of its interval over members and documents; members may share a seed';
COMMENT ON COLUMN mask_class.sharpening_null IS 'The same of exact predictors with noise: what a member without any sharpening of its own would show';
COMMENT ON COLUMN mask_class.sharpening_null_lowest IS 'The least of a draw';
COMMENT ON COLUMN mask_class.sharpening_null_highest IS 'The most of a draw';
COMMENT ON COLUMN mask_class.from_bayes IS 'KL from the exact posterior of the masks to the weights, nats, mean over members; what is below 0.01 counts as 0.01 in both';
COMMENT ON COLUMN mask_class.from_bayes_low IS 'Lower end of its interval over members and documents; members may share a seed';
COMMENT ON COLUMN mask_class.from_bayes_null IS 'The same of exact predictors with noise';
COMMENT ON COLUMN mask_class.from_bayes_null_lowest IS 'The least of a draw';
COMMENT ON COLUMN mask_class.from_bayes_null_highest IS 'The most of a draw';
COMMENT ON COLUMN mask_class.residual IS 'KL from members'' laws of three letters to their mixtures, nats, mean: what no mask explains, and so how large the noise is';
COMMENT ON COLUMN mask_class.residual_null IS 'What the noise leaves: within 0.1% of it; 0 where members have next to none';
COMMENT ON COLUMN mask_class.noise IS 'Standard deviation of the logarithm of the noise';
COMMENT ON COLUMN mask_class.draws IS 'Exact predictors with noise';
