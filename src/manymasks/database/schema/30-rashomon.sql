CREATE TABLE rashomon_set (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    method VARCHAR,
    reference VARCHAR NOT NULL,
    reference_nats DOUBLE,
    eps DOUBLE NOT NULL,
    eps_unit VARCHAR NOT NULL,
    eps_nats DOUBLE,
    candidates INTEGER,
    members INTEGER,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE
);
COMMENT ON TABLE rashomon_set IS 'A Rashomon set: members of a class with a select loss within eps of a reference. The rows behind current_set, for all artifacts. Grain: artifact, rashomon_set.';
COMMENT ON COLUMN rashomon_set.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_set.rashomon_set IS 'Readable name: class | reference | eps, and the method of derived candidates';
COMMENT ON COLUMN rashomon_set.method IS 'Method of its candidates: trained, noise, dropout, checkpoint or quantised; the reference is always among trained members';
COMMENT ON COLUMN rashomon_set.reference_nats IS 'Select loss of the reference';
COMMENT ON COLUMN rashomon_set.eps_unit IS 'nats, percent (of the reference loss) or seed_sd (sd of the select loss over the class)';
COMMENT ON COLUMN rashomon_set.share IS 'members / candidates; not comparable between classes with unequal numbers of candidates';
COMMENT ON COLUMN rashomon_set.share_low IS 'Lower end of its Wilson interval; NULL where the reference is the loss of a candidate';
COMMENT ON COLUMN rashomon_set.share_high IS 'Upper end of its Wilson interval; NULL where the reference is the loss of a candidate';

CREATE TABLE rashomon_member (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    is_member BOOLEAN NOT NULL,
    excess_nats DOUBLE,
    probability DOUBLE
);
COMMENT ON TABLE rashomon_member IS 'A candidate of a Rashomon set, inside or not, with the probability of its membership over resampled documents: is a member inside by luck? Grain: artifact, rashomon_set, model.';
COMMENT ON COLUMN rashomon_member.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_member.model IS 'Candidate';
COMMENT ON COLUMN rashomon_member.is_member IS 'Whether its select loss is within eps of the reference';
COMMENT ON COLUMN rashomon_member.excess_nats IS 'Its select loss minus the reference loss';
COMMENT ON COLUMN rashomon_member.probability IS 'Share of document resamples of the select split in which it is a member';

CREATE TABLE rashomon_metric (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    weighting VARCHAR,
    members_used DOUBLE NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    units VARCHAR,
    covered DOUBLE,
    documents BIGINT,
    effective_documents DOUBLE
);
COMMENT ON TABLE rashomon_metric IS 'A metric of a Rashomon set on the measure split, for the whole set and for fewer members. The rows behind set_metric. Grain: artifact, rashomon_set, metric, weighting, members_used.';
COMMENT ON COLUMN rashomon_metric.artifact IS 'Rashomon artifact (metrics of losses) or multiplicity artifact (metrics of predictive distributions)';
COMMENT ON COLUMN rashomon_metric.metric IS 'Name of the metric: of losses mean_nats, sd_nats and document_sd_nats (sd over members of a document''s loss per token, averaged over tokens); of predictive distributions ambiguity, capacity, kl and others, which the README explains';
COMMENT ON COLUMN rashomon_metric.weighting IS 'hard (the set as it is) or resampled (mean over the sets from document resamples of the select split, which weights each member by its probability)';
COMMENT ON COLUMN rashomon_metric.members_used IS 'Members of the set; if hard, also smaller numbers, averaged over all subsets (rarefaction); if resampled, the mean number of members';
COMMENT ON COLUMN rashomon_metric.value IS 'Estimate';
COMMENT ON COLUMN rashomon_metric.low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_metric.units IS 'Units of the interval: models and documents, or documents with the members fixed (metrics that can only grow with members)';
COMMENT ON COLUMN rashomon_metric.covered IS 'If resampled: share of the resamples with a set that entered; NULL if hard';

CREATE TABLE set_weight (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    weight DOUBLE,
    mean_weight DOUBLE
);
COMMENT ON TABLE set_weight IS 'A member of a Rashomon set with its weight in the mixture that attains the capacity: members of weight 0 add nothing to the others. The rows behind disclosure_subset. Grain: artifact, rashomon_set, model.';
COMMENT ON COLUMN set_weight.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN set_weight.weight IS 'Weight in the one mixture for all positions that attains the shared capacity; the disclosure subset has weights above 0';
COMMENT ON COLUMN set_weight.mean_weight IS 'Weight in the mixture that attains the capacity of a position, mean over positions';

CREATE TABLE position_multiplicity (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    document VARCHAR,
    token VARCHAR,
    distinct_top1 INTEGER,
    vote_disagreement DOUBLE,
    p_low DOUBLE,
    p_high DOUBLE,
    log_p_low DOUBLE,
    log_p_high DOUBLE,
    log_p_variance DOUBLE,
    pair_range DOUBLE,
    information DOUBLE,
    capacity DOUBLE,
    capacity_gap DOUBLE,
    effective_models DOUBLE,
    ensemble_gain DOUBLE
);
COMMENT ON TABLE position_multiplicity IS 'A sampled position of the measure split and a Rashomon set, with the spread of its members'' predictions there. The rows behind contested_positions. Grain: artifact, rashomon_set, position.';
COMMENT ON COLUMN position_multiplicity.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN position_multiplicity.position IS 'Number of the position in the evaluated windows';
COMMENT ON COLUMN position_multiplicity.document IS 'Document of the token';
COMMENT ON COLUMN position_multiplicity.vote_disagreement IS 'Share of pairs of members that rank different tokens first';
COMMENT ON COLUMN position_multiplicity.p_low IS 'Smallest probability of the true token';
COMMENT ON COLUMN position_multiplicity.p_high IS 'Largest probability of the true token; with p_low its viable prediction range';
COMMENT ON COLUMN position_multiplicity.log_p_low IS 'Smallest log probability of the true token';
COMMENT ON COLUMN position_multiplicity.log_p_high IS 'Largest log probability of the true token';
COMMENT ON COLUMN position_multiplicity.log_p_variance IS 'Variance over members of the log probability of the true token';
COMMENT ON COLUMN position_multiplicity.pair_range IS 'Largest total variation between two members';
COMMENT ON COLUMN position_multiplicity.information IS 'Mutual information of token and member under equal weights, nats';
COMMENT ON COLUMN position_multiplicity.capacity IS 'Rashomon capacity, nats: the maximum of the information over weights of the members';
COMMENT ON COLUMN position_multiplicity.capacity_gap IS 'Certified gap: the capacity is at most this much larger';
COMMENT ON COLUMN position_multiplicity.effective_models IS 'Effective number of models: exp(capacity), 2^C with C in bits; between 1 and the number of members';

CREATE TABLE headroom (
    artifact VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    next_class VARCHAR NOT NULL,
    ensemble_gain DOUBLE,
    gain_low DOUBLE,
    gain_high DOUBLE,
    headroom DOUBLE,
    headroom_low DOUBLE,
    headroom_high DOUBLE,
    remaining DOUBLE,
    remaining_low DOUBLE,
    remaining_high DOUBLE,
    p DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE headroom IS 'A class beside its next size, with the gain from averaging its members and that of the best larger member. A mixture cannot gain more if the larger class contains it. The rows behind headroom_test. Grain: artifact, model_class, next_class.';
COMMENT ON COLUMN headroom.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN headroom.next_class IS 'Label of the class of the next size';
COMMENT ON COLUMN headroom.gain_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN headroom.headroom IS 'Mean loss of the members minus that of the best member (on select) of the next size, nats per token';
COMMENT ON COLUMN headroom.headroom_low IS 'Lower end of its interval';
COMMENT ON COLUMN headroom.remaining IS 'headroom - ensemble_gain: positive if the next size gains more than averaging';
COMMENT ON COLUMN headroom.remaining_low IS 'Lower end of its interval';
COMMENT ON COLUMN headroom.p IS 'One-sided; the null is that the gain does not exceed the headroom';
COMMENT ON COLUMN headroom.models IS 'Members of the class';
COMMENT ON COLUMN headroom.documents IS 'Documents of the measure split';

CREATE TABLE rashomon_curve_point (
    artifact VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    threshold_nats DOUBLE NOT NULL,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    members INTEGER,
    candidates INTEGER
);
COMMENT ON TABLE rashomon_curve_point IS 'A class under a loss threshold that all classes share, with the share of candidates that reach it. The rows behind rashomon_curve. Grain: artifact, model_class, threshold_nats.';
COMMENT ON COLUMN rashomon_curve_point.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_curve_point.threshold_nats IS 'Select loss, nats per token';
COMMENT ON COLUMN rashomon_curve_point.share IS 'Share of trained members at or below the threshold';
COMMENT ON COLUMN rashomon_curve_point.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN rashomon_curve_point.members IS 'Members at or below the threshold';
COMMENT ON COLUMN rashomon_curve_point.candidates IS 'Trained members of the class';

CREATE TABLE local_volume (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    eps_nats DOUBLE NOT NULL,
    log_radius DOUBLE,
    log_radius_low DOUBLE,
    log_radius_high DOUBLE,
    log_volume DOUBLE,
    log_volume_per_weight DOUBLE,
    log_volume_sampled DOUBLE,
    weights BIGINT,
    directions INTEGER,
    windows INTEGER
);
COMMENT ON TABLE local_volume IS 'A member and an allowed rise of the loss, with how far its weights can move in random directions before the loss has risen so. The rows behind member_volume. Grain: artifact, model, eps_nats.';
COMMENT ON COLUMN local_volume.artifact IS 'Volume artifact';
COMMENT ON COLUMN local_volume.eps_nats IS 'Allowed rise of the loss, nats per token on windows of select';
COMMENT ON COLUMN local_volume.log_radius IS 'Mean over directions of ln r, where noise of r times the rms of each weight tensor raises the loss by eps';
COMMENT ON COLUMN local_volume.log_radius_low IS 'Lower end of its interval over directions';
COMMENT ON COLUMN local_volume.log_volume IS 'weights * log_radius, nats: lower bound of the log-volume, relative to noise as large as the weights';
COMMENT ON COLUMN local_volume.log_volume_per_weight IS 'log_volume / weights';
COMMENT ON COLUMN local_volume.log_volume_sampled IS 'ln of the mean of r^weights: closer to the volume, with far larger variance';
COMMENT ON COLUMN local_volume.weights IS 'Number of weights that are moved';
COMMENT ON COLUMN local_volume.directions IS 'Random directions';
COMMENT ON COLUMN local_volume.windows IS 'Windows of select';

CREATE TABLE variance_component (
    artifact VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    component VARCHAR NOT NULL,
    share DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    inits INTEGER,
    orders INTEGER,
    models INTEGER
);
COMMENT ON TABLE variance_component IS 'A component of the variance within a class whose seeds are crossed. The rows behind variance_components. Grain: artifact, model_class, measure, component.';
COMMENT ON COLUMN variance_component.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN variance_component.measure IS 'nats (loss on measure), kl or top1_disagreement (of pairs, on measure)';
COMMENT ON COLUMN variance_component.component IS 'init, order, or rest: their interaction and residual';
COMMENT ON COLUMN variance_component.share IS 'Share of the variance, or of the mean divergence of pairs that differ in both seeds';
COMMENT ON COLUMN variance_component.low IS 'Lower end of its interval; NULL with fewer than 3 seeds of a kind';
COMMENT ON COLUMN variance_component.p IS 'Permutation test of the seed labels; NULL for rest and where no test is possible';
COMMENT ON COLUMN variance_component.orders IS 'Seeds of data order';

CREATE TABLE funnel_loss (
    artifact VARCHAR NOT NULL,
    constraint_name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    nats DOUBLE
);
COMMENT ON TABLE funnel_loss IS 'The loss of a member that a constraint of the funnel puts a threshold on: who passes at another threshold? Grain: artifact, constraint_name, model.';
COMMENT ON COLUMN funnel_loss.artifact IS 'Funnel artifact';
COMMENT ON COLUMN funnel_loss.constraint_name IS 'Name of the part of the measure split, or of the probe with its severity';
COMMENT ON COLUMN funnel_loss.kind IS 'split (a part of the measure split) or probe';
COMMENT ON COLUMN funnel_loss.nats IS 'Loss of the member there, nats per token';

CREATE TABLE funnel_constraint (
    artifact VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    constraint_name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    nats_best DOUBLE,
    threshold_nats DOUBLE,
    passing INTEGER,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    models INTEGER
);
COMMENT ON TABLE funnel_constraint IS 'A constraint of the funnel (a loss threshold on a part of the text, or a property) with the share of members that pass: which requirement is hard to meet? Grain: artifact, pool, constraint_name.';
COMMENT ON COLUMN funnel_constraint.artifact IS 'Funnel artifact';
COMMENT ON COLUMN funnel_constraint.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel_constraint.constraint_name IS 'Name of the text or property';
COMMENT ON COLUMN funnel_constraint.kind IS 'split (a part of the measure split), probe, or variant';
COMMENT ON COLUMN funnel_constraint.nats_best IS 'Loss of the best member of the pool; NULL for a property';
COMMENT ON COLUMN funnel_constraint.threshold_nats IS 'Largest loss that passes';
COMMENT ON COLUMN funnel_constraint.passing IS 'Members that pass';
COMMENT ON COLUMN funnel_constraint.share IS 'passing / models';
COMMENT ON COLUMN funnel_constraint.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN funnel_constraint.models IS 'Members of the pool';

CREATE TABLE funnel_step (
    artifact VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    constraints INTEGER NOT NULL,
    survivors DOUBLE,
    survivors_lower_quantile DOUBLE,
    survivors_upper_quantile DOUBLE,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    independent_share DOUBLE,
    log_ratio DOUBLE,
    kl DOUBLE,
    kl_lower_quantile DOUBLE,
    kl_upper_quantile DOUBLE,
    models INTEGER,
    orders INTEGER
);
COMMENT ON TABLE funnel_step IS 'A pool after a number of constraints, averaged over orders of the constraints. The rows behind funnel. Grain: artifact, pool, constraints.';
COMMENT ON COLUMN funnel_step.artifact IS 'Funnel artifact';
COMMENT ON COLUMN funnel_step.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel_step.constraints IS 'Constraints applied so far';
COMMENT ON COLUMN funnel_step.survivors IS 'Members that pass all of them, mean over orders of the constraints';
COMMENT ON COLUMN funnel_step.survivors_lower_quantile IS '2.5% quantile over orders';
COMMENT ON COLUMN funnel_step.survivors_upper_quantile IS '97.5% quantile over orders';
COMMENT ON COLUMN funnel_step.share IS 'survivors / models';
COMMENT ON COLUMN funnel_step.share_low IS 'Lower end of its Wilson interval; NULL before the last step';
COMMENT ON COLUMN funnel_step.independent_share IS 'Product of the constraints'' shares: the expected share if they were independent';
COMMENT ON COLUMN funnel_step.log_ratio IS 'ln(share / independent_share): above 0 if constraints remove the same members';
COMMENT ON COLUMN funnel_step.kl IS 'Mean KL of pairs of survivors on held-out text, mean over orders that leave a pair';
COMMENT ON COLUMN funnel_step.kl_lower_quantile IS '2.5% quantile over orders';
COMMENT ON COLUMN funnel_step.kl_upper_quantile IS '97.5% quantile over orders';
COMMENT ON COLUMN funnel_step.models IS 'Members of the pool';
COMMENT ON COLUMN funnel_step.orders IS 'Orders of the constraints: random ones, or all if there are fewer';

CREATE TABLE pattern (
    artifact VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    members_used INTEGER NOT NULL,
    patterns DOUBLE,
    models INTEGER,
    probes INTEGER
);
COMMENT ON TABLE pattern IS 'A pool and a number of members drawn, with the number of distinct patterns of passing and failing. The rows behind pattern_count. Grain: artifact, pool, members_used.';
COMMENT ON COLUMN pattern.artifact IS 'Funnel artifact';
COMMENT ON COLUMN pattern.pool IS 'Label of a class, or corpus/size';
COMMENT ON COLUMN pattern.members_used IS 'Members drawn at a time';
COMMENT ON COLUMN pattern.patterns IS 'Expected number of distinct patterns among them (exact)';
COMMENT ON COLUMN pattern.models IS 'Members of the pool';
COMMENT ON COLUMN pattern.probes IS 'Constraints that are losses on a probe';
