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
COMMENT ON TABLE rashomon_set IS 'Models of one class whose select loss is within eps of a reference. Grain: artifact, rashomon_set.';
COMMENT ON COLUMN rashomon_set.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_set.rashomon_set IS 'class | reference | eps, readable, and the method of derived candidates';
COMMENT ON COLUMN rashomon_set.method IS 'How its candidates came about: trained, noise, dropout or checkpoint; the reference is always found among trained ones';
COMMENT ON COLUMN rashomon_set.reference_nats IS 'Select loss of the reference';
COMMENT ON COLUMN rashomon_set.eps_unit IS 'nats, percent (of the reference loss) or seed_sd (sd of the select loss over the class)';
COMMENT ON COLUMN rashomon_set.share IS 'members / candidates; not comparable between classes of unequal candidates';
COMMENT ON COLUMN rashomon_set.share_low IS 'Lower end of its Wilson interval; NULL where the reference is one of the candidates'' own losses';
COMMENT ON COLUMN rashomon_set.share_high IS 'Upper end of its Wilson interval; NULL where the reference is one of the candidates'' own losses';

CREATE TABLE rashomon_member (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    is_member BOOLEAN NOT NULL,
    excess_nats DOUBLE,
    probability DOUBLE
);
COMMENT ON TABLE rashomon_member IS 'Every candidate of every set. Grain: artifact, rashomon_set, model.';
COMMENT ON COLUMN rashomon_member.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_member.model IS 'Candidate';
COMMENT ON COLUMN rashomon_member.is_member IS 'Whether its select loss is within eps of the reference';
COMMENT ON COLUMN rashomon_member.excess_nats IS 'Its select loss less the reference''s';
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
    documents BIGINT
);
COMMENT ON TABLE rashomon_metric IS 'What a set looks like on the measure split. Grain: artifact, rashomon_set, metric, weighting, members_used.';
COMMENT ON COLUMN rashomon_metric.artifact IS 'Rashomon artifact (metrics of losses) or multiplicity artifact (metrics of next-token laws)';
COMMENT ON COLUMN rashomon_metric.metric IS 'Its name: mean_nats, sd_nats (over members), document_sd_nats (sd over members of a document''s loss per token, averaged over tokens), or a metric of next-token laws that the README explains';
COMMENT ON COLUMN rashomon_metric.weighting IS 'hard (the set as it is) or resampled (mean over the sets that document resamples of the select split give, so that each member counts by its probability)';
COMMENT ON COLUMN rashomon_metric.members_used IS 'Members of the set, and of hard also how many of them are drawn at a time, on average over all draws (rarefied); of resampled, mean number of members';
COMMENT ON COLUMN rashomon_metric.value IS 'Estimate';
COMMENT ON COLUMN rashomon_metric.low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_metric.units IS 'What the interval is over: models and documents, or documents (metrics that can only grow with members, which are given)';
COMMENT ON COLUMN rashomon_metric.covered IS 'Of resampled: share of the resamples whose sets entered; NULL for hard';

CREATE TABLE set_weight (
    artifact VARCHAR NOT NULL,
    rashomon_set VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    weight DOUBLE,
    mean_weight DOUBLE
);
COMMENT ON TABLE set_weight IS 'Which members of a set a mixture needs: those of weight 0 say nothing that the others do not. Grain: artifact, rashomon_set, model.';
COMMENT ON COLUMN set_weight.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN set_weight.weight IS 'Weight in the one mixture for all positions that attains the shared capacity; the disclosure subset are those above 0';
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
COMMENT ON TABLE position_multiplicity IS 'How differently the members of a set predict one token of the measure split; a sample of positions. Grain: artifact, rashomon_set, position.';
COMMENT ON COLUMN position_multiplicity.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN position_multiplicity.position IS 'Number of the position in the windows that were tried';
COMMENT ON COLUMN position_multiplicity.document IS 'Document that the token is from';
COMMENT ON COLUMN position_multiplicity.vote_disagreement IS 'Share of pairs of members that rank different tokens first';
COMMENT ON COLUMN position_multiplicity.p_low IS 'Smallest probability of the true token';
COMMENT ON COLUMN position_multiplicity.p_high IS 'Largest; the two are its viable prediction range';
COMMENT ON COLUMN position_multiplicity.log_p_low IS 'Smallest logarithm of it';
COMMENT ON COLUMN position_multiplicity.log_p_high IS 'Largest logarithm of it';
COMMENT ON COLUMN position_multiplicity.log_p_variance IS 'Variance of the logarithm over members';
COMMENT ON COLUMN position_multiplicity.pair_range IS 'Largest total variation of two members';
COMMENT ON COLUMN position_multiplicity.information IS 'Information between token and member, members alike likely, nats';
COMMENT ON COLUMN position_multiplicity.capacity IS 'Rashomon capacity, nats: the largest information over weights of the members';
COMMENT ON COLUMN position_multiplicity.capacity_gap IS 'Certified: the capacity is at most so much larger';
COMMENT ON COLUMN position_multiplicity.effective_models IS 'exp(capacity), which is 2^C with C in bits: between 1 and the number of members';

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
    documents INTEGER
);
COMMENT ON TABLE headroom IS 'What averaging the members of a class gains, beside what the best member of the next size gains: no mixture of a larger class could gain more. Grain: artifact, model_class, next_class.';
COMMENT ON COLUMN headroom.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN headroom.next_class IS 'Label of the class of the next size';
COMMENT ON COLUMN headroom.gain_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN headroom.headroom IS 'Mean loss of the members less that of the best (on select) of the next size, nats per token';
COMMENT ON COLUMN headroom.headroom_low IS 'Lower end of its interval';
COMMENT ON COLUMN headroom.remaining IS 'headroom - ensemble_gain: positive where the next size has what averaging does not give';
COMMENT ON COLUMN headroom.remaining_low IS 'Lower end of its interval';
COMMENT ON COLUMN headroom.p IS 'One-sided: that the gain is no larger than the headroom';
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
COMMENT ON TABLE rashomon_curve_point IS 'Share of the candidates of each class under thresholds that all classes share. Grain: artifact, model_class, threshold_nats.';
COMMENT ON COLUMN rashomon_curve_point.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN rashomon_curve_point.threshold_nats IS 'Select loss, nats per token';
COMMENT ON COLUMN rashomon_curve_point.share IS 'Share of trained members at or below it';
COMMENT ON COLUMN rashomon_curve_point.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN rashomon_curve_point.members IS 'Members at or below it';
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
COMMENT ON TABLE local_volume IS 'How far the weights of a member can be moved in directions drawn at random before eps is lost. Grain: artifact, model, eps_nats.';
COMMENT ON COLUMN local_volume.artifact IS 'Volume artifact';
COMMENT ON COLUMN local_volume.eps_nats IS 'What may be lost, nats per token on windows of select';
COMMENT ON COLUMN local_volume.log_radius IS 'Mean over directions of ln r, where noise of r times the rms of each weight tensor loses eps';
COMMENT ON COLUMN local_volume.log_radius_low IS 'Lower end of its interval over directions';
COMMENT ON COLUMN local_volume.log_volume IS 'weights * log_radius, nats: a lower bound of the log-volume relative to that of noise as large as the weights';
COMMENT ON COLUMN local_volume.log_volume_per_weight IS 'The same by weight';
COMMENT ON COLUMN local_volume.log_volume_sampled IS 'ln of the mean of r^weights: nearer to the volume, and of far larger variance';
COMMENT ON COLUMN local_volume.weights IS 'Number of weights that are moved';
COMMENT ON COLUMN local_volume.directions IS 'Directions drawn';
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
COMMENT ON TABLE variance_component IS 'What of the variance over the members of a class goes with the seed of the weights and what with that of the data order. Grain: artifact, model_class, measure, component.';
COMMENT ON COLUMN variance_component.artifact IS 'Multiplicity artifact';
COMMENT ON COLUMN variance_component.measure IS 'nats (loss on measure), kl or top1_disagreement (of pairs, on measure)';
COMMENT ON COLUMN variance_component.component IS 'init, order, or rest: both together and chance';
COMMENT ON COLUMN variance_component.share IS 'Share of the variance, or of the mean divergence of pairs that differ in both';
COMMENT ON COLUMN variance_component.low IS 'Lower end of its interval; NULL with fewer than 3 seeds of a kind';
COMMENT ON COLUMN variance_component.p IS 'Permutation of the seeds labels; NULL for rest and where it cannot be told';
COMMENT ON COLUMN variance_component.orders IS 'Seeds of data order';

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
COMMENT ON TABLE funnel_constraint IS 'One loss, or one property, that models of a pool must have. Grain: artifact, pool, constraint_name.';
COMMENT ON COLUMN funnel_constraint.artifact IS 'Funnel artifact';
COMMENT ON COLUMN funnel_constraint.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel_constraint.constraint_name IS 'Text or property';
COMMENT ON COLUMN funnel_constraint.kind IS 'split (a part of the measure split), probe, or variant';
COMMENT ON COLUMN funnel_constraint.nats_best IS 'Loss of the best of the pool; NULL for a property';
COMMENT ON COLUMN funnel_constraint.threshold_nats IS 'Loss that passes';
COMMENT ON COLUMN funnel_constraint.passing IS 'Members that pass';
COMMENT ON COLUMN funnel_constraint.share IS 'Their share';
COMMENT ON COLUMN funnel_constraint.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN funnel_constraint.models IS 'Members of the pool';

CREATE TABLE funnel_step (
    artifact VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    constraints INTEGER NOT NULL,
    survivors DOUBLE,
    survivors_low DOUBLE,
    survivors_high DOUBLE,
    share DOUBLE,
    share_low DOUBLE,
    share_high DOUBLE,
    independent_share DOUBLE,
    log_ratio DOUBLE,
    kl DOUBLE,
    kl_low DOUBLE,
    kl_high DOUBLE,
    models INTEGER,
    orders INTEGER
);
COMMENT ON TABLE funnel_step IS 'How many models are left after so many constraints, over all orders of these. Grain: artifact, pool, constraints.';
COMMENT ON COLUMN funnel_step.artifact IS 'Funnel artifact';
COMMENT ON COLUMN funnel_step.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel_step.constraints IS 'Constraints so far';
COMMENT ON COLUMN funnel_step.survivors IS 'Members left, mean over orders of the constraints';
COMMENT ON COLUMN funnel_step.survivors_low IS '2.5% of orders leave at most so many';
COMMENT ON COLUMN funnel_step.survivors_high IS '97.5% of orders leave at most so many';
COMMENT ON COLUMN funnel_step.share IS 'survivors / models';
COMMENT ON COLUMN funnel_step.share_low IS 'Lower end of its Wilson interval; NULL before the last step';
COMMENT ON COLUMN funnel_step.independent_share IS 'What would be left if each constraint took its share of whatever is left';
COMMENT ON COLUMN funnel_step.log_ratio IS 'ln(share / independent_share): above 0, constraints agree on whom they remove';
COMMENT ON COLUMN funnel_step.kl IS 'Mean KL of pairs of survivors on held-out text, mean over orders that leave a pair';
COMMENT ON COLUMN funnel_step.kl_low IS '2.5% of orders';
COMMENT ON COLUMN funnel_step.kl_high IS '97.5% of orders';
COMMENT ON COLUMN funnel_step.models IS 'Members of the pool';
COMMENT ON COLUMN funnel_step.orders IS 'Orders tried: random ones, or all where they are no more';

CREATE TABLE pattern (
    artifact VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    members_used INTEGER NOT NULL,
    patterns DOUBLE,
    models INTEGER,
    probes INTEGER
);
COMMENT ON TABLE pattern IS 'Distinct patterns of passing and failing the probes. Grain: artifact, pool, members_used.';
COMMENT ON COLUMN pattern.artifact IS 'Funnel artifact';
COMMENT ON COLUMN pattern.pool IS 'Label of a class, or corpus/size';
COMMENT ON COLUMN pattern.members_used IS 'How many members are drawn at a time';
COMMENT ON COLUMN pattern.patterns IS 'Expected number of distinct patterns among them, exact';
COMMENT ON COLUMN pattern.models IS 'Members of the pool';
COMMENT ON COLUMN pattern.probes IS 'Constraints that are losses on a probe';
