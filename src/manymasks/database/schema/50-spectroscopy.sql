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
COMMENT ON TABLE mask_weights IS 'A member (or the exact posterior) after a prompt, with the weight of one mask in the mixture closest to its prediction of the next three letters: watch it infer who speaks. Grain: artifact, model, kind, document, letters, mask.';
COMMENT ON COLUMN mask_weights.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_weights.document IS 'Index of the document in the measure split, the first 40; spliced documents are counted separately from 0';
COMMENT ON COLUMN mask_weights.kind IS 'plain, or spliced from two masks';
COMMENT ON COLUMN mask_weights.mask IS 'Name of the mask';
COMMENT ON COLUMN mask_weights.is_true_mask IS 'Whether it is the mask of the document; of a spliced one, the second mask. NULL in plain documents, where it is not recorded';
COMMENT ON COLUMN mask_weights.weight IS 'Its weight in the mixture closest to the member, 0 to 1';
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
COMMENT ON TABLE mask_fit IS 'A member at a number of letters, with its mask weights against the exact posterior, averaged over documents. The members behind mask_calibration. Grain: artifact, model, kind, letters.';
COMMENT ON COLUMN mask_fit.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_fit.kind IS 'plain, or spliced from two masks';
COMMENT ON COLUMN mask_fit.from_bayes IS 'KL from the exact posterior of the masks to the member''s weights, nats; values below 0.01 are set to 0.01 in both, the precision of the weights';
COMMENT ON COLUMN mask_fit.from_bayes_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_fit.residual IS 'KL from the member''s distribution of three letters to the mixture, nats: the part that no mask explains';
COMMENT ON COLUMN mask_fit.residual_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_fit.excess IS 'KL from the exact distribution of three letters to the member''s, nats';
COMMENT ON COLUMN mask_fit.entropy IS 'Mean entropy of the weights, nats';
COMMENT ON COLUMN mask_fit.posterior_entropy IS 'Mean exact entropy of the masks given the prompt';
COMMENT ON COLUMN mask_fit.sharpening IS 'Slope of the log-odds of the weights on those of the exact posterior: 1 is calibrated, above 1 overconfident; values below 0.01 are set to 0.01 in both';
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
COMMENT ON TABLE mask_inertia IS 'A member with the letters after a splice until it changes its mask; the exact posterior has a row of its own, with model = bayes. The members behind mask_inertia_by_class. Grain: artifact, model.';
COMMENT ON COLUMN mask_inertia.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_inertia.model IS 'Member, or bayes';
COMMENT ON COLUMN mask_inertia.before IS 'Letters of the first mask';
COMMENT ON COLUMN mask_inertia.median IS 'Letters after the splice until the second mask outweighs the first, median over documents; documents without a change count as the last. NULL if at most half change';
COMMENT ON COLUMN mask_inertia.median_low IS 'Lower end of its interval over documents; NULL beyond the document';
COMMENT ON COLUMN mask_inertia.median_high IS 'Upper end of its interval; NULL beyond the document';
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
COMMENT ON TABLE mask_pair IS 'Two members at a number of letters, with their divergence split into mask weights and the rest. The split is a definition, not an estimate of causes. The pairs behind masks_or_machinery. Grain: artifact, model_a, model_b, letters.';
COMMENT ON COLUMN mask_pair.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_pair.model_a IS 'First member, the key that sorts first';
COMMENT ON COLUMN mask_pair.model_b IS 'Second member';
COMMENT ON COLUMN mask_pair.kl IS 'KL between their distributions of the next three letters, mean of both directions, nats';
COMMENT ON COLUMN mask_pair.kl_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_pair.mask IS 'Part of it from the mask weights: KL between the mixtures closest to the two, mean of both directions';
COMMENT ON COLUMN mask_pair.mask_low IS 'Lower end of its interval';
COMMENT ON COLUMN mask_pair.machinery IS 'The rest of it, kl - mask; may be negative';
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
COMMENT ON TABLE mask_class IS 'A class at a number of letters, with its mask statistics beside those of exact predictors with noise as large as the residual of its members (log-normal, independent for each continuation, prompt and predictor): a yardstick, not a test, since errors of a network correlate over similar prompts. Grain: artifact, size, variant, letters.';
COMMENT ON COLUMN mask_class.artifact IS 'Spectroscopy artifact';
COMMENT ON COLUMN mask_class.share IS 'Share of the divergence between members that lies in their mask weights: mean of mask / mean of kl, over pairs';
COMMENT ON COLUMN mask_class.share_low IS 'Lower end of its interval over members (delete-one jackknife) and documents; NULL below 3 members';
COMMENT ON COLUMN mask_class.share_null IS 'share for two exact predictors with noise; NULL without noise';
COMMENT ON COLUMN mask_class.share_null_lowest IS 'Minimum over pairs of draws';
COMMENT ON COLUMN mask_class.share_null_highest IS 'Maximum over pairs of draws';
COMMENT ON COLUMN mask_class.sharpening IS 'Slope of the log-odds of the weights on those of the exact posterior, mean over members; values below 0.01 are set to 0.01 in both';
COMMENT ON COLUMN mask_class.sharpening_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN mask_class.sharpening_null IS 'sharpening for exact predictors with noise: the value without any true sharpening';
COMMENT ON COLUMN mask_class.sharpening_null_lowest IS 'Minimum over draws';
COMMENT ON COLUMN mask_class.sharpening_null_highest IS 'Maximum over draws';
COMMENT ON COLUMN mask_class.from_bayes IS 'KL from the exact posterior of the masks to the weights, nats, mean over members; values below 0.01 are set to 0.01 in both';
COMMENT ON COLUMN mask_class.from_bayes_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN mask_class.from_bayes_null IS 'from_bayes for exact predictors with noise';
COMMENT ON COLUMN mask_class.from_bayes_null_lowest IS 'Minimum over draws';
COMMENT ON COLUMN mask_class.from_bayes_null_highest IS 'Maximum over draws';
COMMENT ON COLUMN mask_class.residual IS 'KL from the members'' distributions of three letters to their mixtures, nats, mean: the part that no mask explains, which sets the size of the noise';
COMMENT ON COLUMN mask_class.residual_null IS 'residual of the exact predictors with noise: within 0.1% of that of the members; 0 if theirs is nearly 0';
COMMENT ON COLUMN mask_class.noise IS 'Standard deviation of the logarithm of the noise';
COMMENT ON COLUMN mask_class.draws IS 'Exact predictors with noise';
