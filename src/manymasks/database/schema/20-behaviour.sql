CREATE TABLE probe (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    corpus VARCHAR NOT NULL,
    family VARCHAR NOT NULL,
    split VARCHAR,
    is_synthetic BOOLEAN,
    description VARCHAR,
    windows INTEGER,
    scored INTEGER,
    documents INTEGER,
    effective_documents DOUBLE,
    changed DOUBLE
);
COMMENT ON TABLE probe IS 'A probe at a severity: a named family of contexts, with the change that this severity makes. Severity 0 is the text as it is. Grain: artifact, severity.';
COMMENT ON COLUMN probe.artifact IS 'Probe artifact';
COMMENT ON COLUMN probe.split IS 'Split that the windows come from';
COMMENT ON COLUMN probe.is_synthetic IS 'Whether whole windows are generated, scored tokens included';
COMMENT ON COLUMN probe.description IS 'Change of the contexts at this severity';
COMMENT ON COLUMN probe.windows IS 'Number of windows';
COMMENT ON COLUMN probe.scored IS 'Tokens scored at the end of each window';
COMMENT ON COLUMN probe.documents IS 'Documents of the windows: the units of intervals';

CREATE TABLE probe_distance (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    measure VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE probe_distance IS 'A distance of the contexts of a probe at a severity from the train split: n-gram counts, or the loss of reference seeds, which are in no analysis. For asking whether far means different. Grain: artifact, severity, measure.';
COMMENT ON COLUMN probe_distance.artifact IS 'Artifact of the probe; of reference_nats, of its divergence';
COMMENT ON COLUMN probe_distance.measure IS 'ngram_nats (mean surprise of a context token under counts of up to three tokens), unseen_share (share of trigrams absent from train), unigram_kl (KL of the token frequencies from those of train, nats), all three on whole windows if all tokens are scored; or reference_nats (loss of the reference seeds on the scored tokens, nats per token; they also write the contexts of family self-written)';
COMMENT ON COLUMN probe_distance.value IS 'Value of the measure';
COMMENT ON COLUMN probe_distance.low IS 'Lower end of its interval: bootstrap over documents, the train split fixed';
COMMENT ON COLUMN probe_distance.documents IS 'Documents of the windows: the units of the interval';

CREATE TABLE model_probe (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    entropy DOUBLE,
    top1 DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE model_probe IS 'A member on a probe at a severity, with its loss and entropy: what does a changed context cost it? Grain: artifact, model, severity.';
COMMENT ON COLUMN model_probe.artifact IS 'Divergence artifact';
COMMENT ON COLUMN model_probe.nats IS 'Loss on the scored tokens, nats per token';
COMMENT ON COLUMN model_probe.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN model_probe.entropy IS 'Mean predictive entropy, nats';
COMMENT ON COLUMN model_probe.top1 IS 'Share of scored tokens that the member ranks first';

CREATE TABLE pair_divergence (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    model_a VARCHAR NOT NULL,
    model_b VARCHAR NOT NULL,
    kl_ab DOUBLE,
    kl_ba DOUBLE,
    kl DOUBLE,
    kl_low DOUBLE,
    kl_high DOUBLE,
    hellinger DOUBLE,
    js DOUBLE,
    tv DOUBLE,
    top1_agreement DOUBLE,
    kappa DOUBLE,
    soft_agreement DOUBLE,
    both_wrong_agreement DOUBLE,
    flips_ab DOUBLE,
    flips_ba DOUBLE,
    visible DOUBLE,
    hidden DOUBLE,
    hidden_ratio DOUBLE,
    kl_sampled DOUBLE,
    kl_tempered DOUBLE,
    temperature_ab DOUBLE,
    temperature_ba DOUBLE,
    kl_median DOUBLE,
    kl_p95 DOUBLE,
    kl_p99 DOUBLE,
    kl_max DOUBLE,
    sampled INTEGER,
    kl_floor DOUBLE,
    documents INTEGER,
    effective_documents DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE pair_divergence IS 'Two members on a probe at a severity, with every metric of their divergence. The rows behind current_pair, for all artifacts. Grain: artifact, severity, model_a, model_b.';
COMMENT ON COLUMN pair_divergence.artifact IS 'Divergence artifact';
COMMENT ON COLUMN pair_divergence.kl_ab IS 'Mean KL(a || b), nats per token, full vocabulary';
COMMENT ON COLUMN pair_divergence.kl_ba IS 'Mean KL(b || a), nats per token, full vocabulary';
COMMENT ON COLUMN pair_divergence.kl_low IS 'Lower end of its interval over documents, the two members fixed';
COMMENT ON COLUMN pair_divergence.tv IS 'Mean total variation distance, on sampled positions: half the sum of absolute differences';
COMMENT ON COLUMN pair_divergence.kappa IS 'Cohen''s kappa of the first-ranked tokens: agreement beyond chance';
COMMENT ON COLUMN pair_divergence.soft_agreement IS '(c_ab - c_exp) / (sqrt(c_aa c_bb) - c_exp) with c_ab = mean sum_v p_a p_b and c_exp that of the two mean distributions: 1 for identical members';
COMMENT ON COLUMN pair_divergence.both_wrong_agreement IS 'Share of tokens with the same first-ranked token, among tokens on which both are wrong';
COMMENT ON COLUMN pair_divergence.flips_ab IS 'Share of tokens that a ranks first and b does not';
COMMENT ON COLUMN pair_divergence.flips_ba IS 'Share of tokens that b ranks first and a does not';
COMMENT ON COLUMN pair_divergence.visible IS 'Mean of log p_a(y) - log p_b(y): the loss difference that a leaderboard shows';
COMMENT ON COLUMN pair_divergence.hidden IS 'Half the variance of log p_a(y) - log p_b(y) over tokens: the difference that the loss hides';
COMMENT ON COLUMN pair_divergence.hidden_ratio IS 'hidden / |visible|';
COMMENT ON COLUMN pair_divergence.kl_sampled IS 'Mean KL on the sampled positions, both directions averaged: compare kl_tempered and the quantiles with it';
COMMENT ON COLUMN pair_divergence.kl_tempered IS 'kl_sampled after each direction''s best temperature of the second distribution';
COMMENT ON COLUMN pair_divergence.temperature_ab IS 'Best temperature of b towards a; above 1 if b is overconfident';
COMMENT ON COLUMN pair_divergence.temperature_ba IS 'Best temperature of a towards b';
COMMENT ON COLUMN pair_divergence.kl_median IS 'Median over the sampled positions of the KL, both directions averaged';
COMMENT ON COLUMN pair_divergence.kl_p95 IS '95th percentile over the sampled positions of the KL, both directions averaged';
COMMENT ON COLUMN pair_divergence.kl_p99 IS '99th percentile over the sampled positions of the KL, both directions averaged';
COMMENT ON COLUMN pair_divergence.kl_max IS 'Maximum over the sampled positions of the KL, both directions averaged';
COMMENT ON COLUMN pair_divergence.sampled IS 'Sampled positions, the same for all pairs';
COMMENT ON COLUMN pair_divergence.kl_floor IS 'Noise floor: mean KL of the two members from themselves at another batch size and, on a CPU, with two threads';

CREATE TABLE noise_floor (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    perturbation VARCHAR NOT NULL,
    kl DOUBLE,
    hellinger DOUBLE,
    top1_agreement DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE noise_floor IS 'A member against itself under another batch size or thread count, on a probe: divergences near these are rounding, not behaviour. Grain: artifact, severity, model, perturbation.';
COMMENT ON COLUMN noise_floor.artifact IS 'Divergence artifact';
COMMENT ON COLUMN noise_floor.perturbation IS 'Changed computation, such as batch 8 -> 3';
COMMENT ON COLUMN noise_floor.kl IS 'Mean KL between the two computations, nats per token';

CREATE TABLE pool_divergence (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    pool VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    floor DOUBLE,
    entropy_share DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE pool_divergence IS 'A class, or two, on a probe at a severity, with the mean of a divergence over pairs, its interval over members and documents, and the noise floor. The rows behind severity_curve and variant_divergence. Grain: artifact, severity, pool, other, metric.';
COMMENT ON COLUMN pool_divergence.artifact IS 'Divergence artifact';
COMMENT ON COLUMN pool_divergence.other IS 'The same class (pairs within it) or another (pairs across; between variants of one size without pairs that share both seeds)';
COMMENT ON COLUMN pool_divergence.metric IS 'kl, hellinger, js, tv, top1_disagreement or hidden; within a class also information, I(Y; model | x) = H(mean p) - mean H(p), and ensemble_gain, log mean p(y) - mean log p(y)';
COMMENT ON COLUMN pool_divergence.value IS 'Mean over pairs of members (U-statistic), js and tv on sampled positions; nats per token except for hellinger, tv and top1_disagreement. information and ensemble_gain grow with the number of members: compare equal numbers';
COMMENT ON COLUMN pool_divergence.low IS 'Lower end of the interval: delete-one-model jackknife, joined with the document bootstrap by degrees of freedom';
COMMENT ON COLUMN pool_divergence.floor IS 'Noise floor of the same metric';
COMMENT ON COLUMN pool_divergence.entropy_share IS 'value / mean predictive entropy of the members, for metrics in nats';
COMMENT ON COLUMN pool_divergence.models IS 'Members that entered: the units of the interval, except between variants of one size, where the shared seeds are, half as many';

CREATE TABLE behaviour_component (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    ordering VARCHAR NOT NULL,
    component VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    floor DOUBLE,
    entropy_share DOUBLE,
    chance_share DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE behaviour_component IS 'A component of the behaviour ANOVA on a probe: a part of the mutual information of next token and member, by the chain rule. The rows behind behaviour_anova. Grain: artifact, severity, kind, ordering, component.';
COMMENT ON COLUMN behaviour_component.artifact IS 'Divergence artifact';
COMMENT ON COLUMN behaviour_component.kind IS 'information: I(Y; model | x) = H(mean p) - mean H(p); or variance: -ln Z of the geometric centroid, the mean KL of the centroid from the members';
COMMENT ON COLUMN behaviour_component.ordering IS 'Order of the factors, such as size > variant > seed (or seed_init > seed_order where seeds are crossed), each conditional on those before; or interactions: main effects and interactions by inclusion and exclusion';
COMMENT ON COLUMN behaviour_component.component IS 'A factor, an interaction (factors joined by x), or total; components of an ordering sum to the total';
COMMENT ON COLUMN behaviour_component.value IS 'Nats per token; interactions may be negative';
COMMENT ON COLUMN behaviour_component.low IS 'Lower end of its interval over documents, the members fixed';
COMMENT ON COLUMN behaviour_component.floor IS 'Noise floor of the total';
COMMENT ON COLUMN behaviour_component.entropy_share IS 'value / entropy of the mean distribution: share of predictive uncertainty';
COMMENT ON COLUMN behaviour_component.chance_share IS 'Expected share of the total for a factor without effect, if members differed by independent noise: (groups - groups before) / (models - 1), to second order in the noise. Compare share with it';
COMMENT ON COLUMN behaviour_component.models IS 'Members that entered: those of a full crossing of all factors';
COMMENT ON COLUMN behaviour_component.documents IS 'Documents: the units of the interval';

CREATE TABLE probe_item (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    document VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    nats DOUBLE,
    entropy DOUBLE,
    top1 DOUBLE,
    margin DOUBLE,
    rank DOUBLE,
    tokens INTEGER
);
COMMENT ON TABLE probe_item IS 'A member on a window of a probe at a severity, with its loss: windows are paired over severities and members, so differences can be taken window by window. Grain: artifact, severity, item, model.';
COMMENT ON COLUMN probe_item.artifact IS 'Divergence artifact';
COMMENT ON COLUMN probe_item.item IS 'Window, the same text at all severities if the probe changes contexts';
COMMENT ON COLUMN probe_item.document IS 'Document of the window';
COMMENT ON COLUMN probe_item.nats IS 'Mean loss on its scored tokens, nats per token';
COMMENT ON COLUMN probe_item.entropy IS 'Mean predictive entropy, nats';
COMMENT ON COLUMN probe_item.top1 IS 'Share of its scored tokens ranked first';
COMMENT ON COLUMN probe_item.margin IS 'Mean log p of the first-ranked token minus that of the second, nats';
COMMENT ON COLUMN probe_item.rank IS 'Mean rank of the true token, 1 for the first';

CREATE TABLE calibration_bin (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    bin INTEGER NOT NULL,
    confidence DOUBLE,
    accuracy DOUBLE,
    low DOUBLE,
    high DOUBLE,
    tokens BIGINT,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE calibration_bin IS 'A member on a probe in a bin of confidence, with its accuracy there: draw a reliability diagram. Grain: artifact, severity, model, bin.';
COMMENT ON COLUMN calibration_bin.artifact IS 'Divergence artifact';
COMMENT ON COLUMN calibration_bin.bin IS 'Bin of the probability of the first-ranked token, equal widths from 0';
COMMENT ON COLUMN calibration_bin.confidence IS 'Mean probability of the first-ranked token';
COMMENT ON COLUMN calibration_bin.accuracy IS 'Share of tokens for which the first-ranked token is the true one';
COMMENT ON COLUMN calibration_bin.low IS 'Lower end of the interval of accuracy over documents';
COMMENT ON COLUMN calibration_bin.tokens IS 'Tokens in the bin';
COMMENT ON COLUMN calibration_bin.documents IS 'Documents with a token in the bin';

CREATE TABLE position_divergence (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    position INTEGER NOT NULL,
    document VARCHAR NOT NULL,
    context VARCHAR NOT NULL,
    token VARCHAR NOT NULL,
    information DOUBLE,
    kl DOUBLE,
    entropy DOUBLE,
    nats DOUBLE,
    distinct_top1 INTEGER,
    first_tokens VARCHAR NOT NULL,
    models INTEGER
);
COMMENT ON TABLE position_divergence IS 'A sampled position of a probe with its context, its token and the disagreement of all members there. The rows behind most_contested_contexts. Grain: artifact, severity, item, position.';
COMMENT ON COLUMN position_divergence.artifact IS 'Divergence artifact';
COMMENT ON COLUMN position_divergence.item IS 'Window';
COMMENT ON COLUMN position_divergence.position IS 'Position in the window, counted from its first token';
COMMENT ON COLUMN position_divergence.document IS 'Document of the window';
COMMENT ON COLUMN position_divergence.context IS 'Last tokens before the position, as text';
COMMENT ON COLUMN position_divergence.information IS 'I(Y; model) over all members at this position, nats';
COMMENT ON COLUMN position_divergence.kl IS 'Mean KL over ordered pairs of members, nats';
COMMENT ON COLUMN position_divergence.entropy IS 'Entropy of the mean distribution, nats';
COMMENT ON COLUMN position_divergence.nats IS 'Mean loss of the members on the true token';
COMMENT ON COLUMN position_divergence.first_tokens IS 'First-ranked tokens with the number of members for each, most frequent first';

CREATE TABLE position_prediction (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    item INTEGER NOT NULL,
    position INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    first_token VARCHAR NOT NULL,
    p_first DOUBLE,
    log_p DOUBLE
);
COMMENT ON TABLE position_prediction IS 'A member at a sampled position of a probe, with the token that it ranks first and its probability of the true one: on which tokens do two given members differ? pair_tokens compares two. Grain: artifact, severity, item, position, model.';
COMMENT ON COLUMN position_prediction.artifact IS 'Divergence artifact';
COMMENT ON COLUMN position_prediction.item IS 'Window';
COMMENT ON COLUMN position_prediction.position IS 'Position in the window, counted from its first token';
COMMENT ON COLUMN position_prediction.first_token IS 'Token that the member ranks first';
COMMENT ON COLUMN position_prediction.p_first IS 'Its probability';
COMMENT ON COLUMN position_prediction.log_p IS 'Log-probability of the true token, nats';

CREATE TABLE line_fit (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    slope DOUBLE,
    intercept DOUBLE,
    r2 DOUBLE,
    r2_low DOUBLE,
    r2_high DOUBLE,
    residual_sd DOUBLE,
    residual_sd_noise DOUBLE,
    class_share DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE line_fit IS 'A probe at a severity, with the regression of losses there on losses on text. The rows behind on_the_line. Grain: artifact, probe, severity.';
COMMENT ON COLUMN line_fit.artifact IS 'Severity artifact';
COMMENT ON COLUMN line_fit.slope IS 'Nats on the probe per nat on text';
COMMENT ON COLUMN line_fit.intercept IS 'Nats on the probe at loss 0 on text';
COMMENT ON COLUMN line_fit.r2 IS 'Share of the variance of the loss on the probe that the line explains';
COMMENT ON COLUMN line_fit.r2_low IS 'Lower end of its interval: delete-one-model jackknife of Fisher''s z, documents fixed';
COMMENT ON COLUMN line_fit.residual_sd IS 'Residual standard deviation, nats per token, with m - 2 degrees of freedom; includes the curvature over sizes';
COMMENT ON COLUMN line_fit.residual_sd_noise IS 'Residual standard deviation from the sampling of documents alone';
COMMENT ON COLUMN line_fit.class_share IS 'Share of the residual variance between classes; the rest is seeds and the sampling of documents';
COMMENT ON COLUMN line_fit.documents IS 'Documents of the probe';

CREATE TABLE line_residual (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    text_nats DOUBLE,
    nats DOUBLE,
    residual DOUBLE,
    low DOUBLE,
    high DOUBLE
);
COMMENT ON TABLE line_residual IS 'A member on a probe at a severity, with its distance from the regression line. The rows behind line_residuals. Grain: artifact, probe, severity, model.';
COMMENT ON COLUMN line_residual.artifact IS 'Severity artifact';
COMMENT ON COLUMN line_residual.text_nats IS 'Loss on held-out text, nats per token';
COMMENT ON COLUMN line_residual.nats IS 'Loss on the probe';
COMMENT ON COLUMN line_residual.residual IS 'nats minus the prediction of the line';
COMMENT ON COLUMN line_residual.low IS 'Lower end of its interval over documents';

CREATE TABLE severity_trend (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    pool VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    trend VARCHAR NOT NULL,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE severity_trend IS 'A trend over the severities of a probe for a class. The rows behind severity_trends. Grain: artifact, probe, pool, measure, trend.';
COMMENT ON COLUMN severity_trend.artifact IS 'Severity artifact';
COMMENT ON COLUMN severity_trend.measure IS 'kl: mean KL over pairs of members; kl_share: kl / mean predictive entropy';
COMMENT ON COLUMN severity_trend.trend IS 'rise: value at the highest severity minus that at severity 0; fall: value at the highest severity minus the maximum over the others (negative if it falls again; interval and p account for picking the maximum); slope: least squares over severities, per nat of n-gram surprise; rank: Spearman correlation with n-gram surprise over severities';
COMMENT ON COLUMN severity_trend.value IS 'Nats per token, or share of entropy; rank from -1 to 1';
COMMENT ON COLUMN severity_trend.low IS 'Lower end of its interval over models and documents; of rank, over documents';
COMMENT ON COLUMN severity_trend.p IS 'Two-sided; the null is 0; NULL for rank';

CREATE TABLE search_step (
    artifact VARCHAR NOT NULL,
    probe VARCHAR NOT NULL,
    severity INTEGER NOT NULL,
    pool VARCHAR NOT NULL,
    generations INTEGER,
    evaluations BIGINT,
    searched DOUBLE,
    low DOUBLE,
    high DOUBLE,
    models INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE search_step IS 'A class at a generation of a search for disagreement, with that of the half of its seeds that the search queried. The rows behind search_gain. Grain: artifact, severity, pool.';
COMMENT ON COLUMN search_step.artifact IS 'Search artifact';
COMMENT ON COLUMN search_step.severity IS 'Severity: a number of generations, 0 is unchanged text';
COMMENT ON COLUMN search_step.generations IS 'Generations of the search';
COMMENT ON COLUMN search_step.evaluations IS 'Contexts evaluated so far';
COMMENT ON COLUMN search_step.searched IS 'Information of the members of this class in the searched half, on the scored tokens, nats per token; the search maximises its mean over classes';
COMMENT ON COLUMN search_step.low IS 'Lower end of its interval over documents, the members fixed';
COMMENT ON COLUMN search_step.models IS 'Members of this class in the searched half';
