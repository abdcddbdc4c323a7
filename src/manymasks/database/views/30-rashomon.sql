-- Rashomon sets: how many members fit equally well, how much room they have and how differently
-- they behave. Shares and metrics that can only grow with members are compared at equal numbers.

CREATE VIEW current_set AS
SELECT
    s.rashomon_set,
    s.model_class AS label,
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    -- Rises and steps are chosen, not drawn: a share of them has no sampling error.
    s.* EXCLUDE (rashomon_set, model_class) REPLACE (
        CASE WHEN s.method NOT IN ('quantised', 'checkpoint') THEN s.share_low END AS share_low,
        CASE WHEN s.method NOT IN ('quantised', 'checkpoint') THEN s.share_high END AS share_high
    )
FROM rashomon_set AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = s.model_class AND c.is_current
ORDER BY s.reference, s.model_class, s.method, s.eps_nats;
COMMENT ON VIEW current_set IS 'A Rashomon set: the members of a class within one threshold of one reference loss. How many seeds are equally good? Grain: rashomon_set.';
COMMENT ON COLUMN current_set.artifact IS 'Rashomon artifact';
COMMENT ON COLUMN current_set.share IS 'members / candidates; not comparable between classes with unequal numbers of candidates';
COMMENT ON COLUMN current_set.share_low IS 'Lower end of its Wilson interval; NULL where the reference is the loss of a candidate, and for codes and checkpoints, which are no sample';
COMMENT ON COLUMN current_set.share_high IS 'Upper end of its Wilson interval; NULL where the reference is the loss of a candidate, and for codes and checkpoints, which are no sample';

CREATE VIEW rashomon_divergence AS
SELECT
    s.rashomon_set,
    s.label,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    greatest(a.excess_nats, b.excess_nats) AS excess_nats,
    d.* EXCLUDE (artifact, corpus, class_a, class_b, relation)
FROM current_set AS s
JOIN rashomon_member AS a
    ON a.artifact = s.artifact AND a.rashomon_set = s.rashomon_set AND a.is_member
JOIN rashomon_member AS b
    ON b.artifact = s.artifact AND b.rashomon_set = s.rashomon_set AND b.is_member
JOIN current_pair AS d ON d.model_a = a.model AND d.model_b = b.model;
COMMENT ON VIEW rashomon_divergence IS 'Two members of one Rashomon set on a probe at a severity: how do equally good models differ, on text and away from it? Trained members only. Grain: rashomon_set, probe, severity, model_a, model_b.';
COMMENT ON COLUMN rashomon_divergence.excess_nats IS 'Select loss minus the reference loss, the larger of the two members';
COMMENT ON COLUMN rashomon_divergence.kl_low IS 'Lower end of its interval over documents';

CREATE VIEW equal_loss_pairs AS
SELECT * EXCLUDE (is_text)
FROM rashomon_divergence
WHERE is_text;
COMMENT ON VIEW equal_loss_pairs IS 'Two members of one Rashomon set on held-out text, with the loss difference that a leaderboard shows and what it hides: which equally good models differ most? Membership is decided on select, divergence measured on measure. Grain: rashomon_set, model_a, model_b.';
COMMENT ON COLUMN equal_loss_pairs.severity IS 'Severity: 0';
COMMENT ON COLUMN equal_loss_pairs.excess_nats IS 'Select loss minus the reference loss, the larger of the two members';
COMMENT ON COLUMN equal_loss_pairs.kl_low IS 'Lower end of its interval over documents';

CREATE VIEW set_metric AS
SELECT
    s.rashomon_set,
    s.label,
    s.corpus,
    s.size,
    s.variant,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    s.members,
    s.candidates,
    m.metric,
    m.weighting,
    m.members_used,
    m.weighting = 'resampled' OR m.members_used = s.members AS is_whole,
    m.value,
    m.low,
    m.high,
    m.units,
    m.covered,
    m.documents,
    m.effective_documents
FROM rashomon_metric AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
JOIN current_set AS s ON s.rashomon_set = m.rashomon_set
ORDER BY s.reference, s.label, s.method, s.eps_nats, m.metric, m.weighting, m.members_used;
COMMENT ON VIEW set_metric IS 'A multiplicity metric of a Rashomon set, such as ambiguity or capacity, for the whole set and for fewer members: how much does the choice among equally good models decide? Grain: rashomon_set, metric, weighting, members_used.';
COMMENT ON COLUMN set_metric.members_used IS 'Members that entered, or the number drawn at a time';
COMMENT ON COLUMN set_metric.is_whole IS 'Whether all members entered; otherwise fewer are drawn (rarefaction)';
COMMENT ON COLUMN set_metric.value IS 'Estimate on the measure split';
COMMENT ON COLUMN set_metric.low IS 'Lower end of its interval';
COMMENT ON COLUMN set_metric.units IS 'Units of the interval: models and documents, or documents with the members given';

CREATE VIEW rashomon_summary AS
WITH member AS (
    SELECT artifact, rashomon_set, avg(excess_nats) AS mean_excess_nats
    FROM rashomon_member
    WHERE is_member
    GROUP BY artifact, rashomon_set
),
pair AS (
    SELECT
        rashomon_set,
        count(*) AS pairs,
        avg(kl) AS mean_kl,
        max(kl) AS max_kl,
        avg(hidden) AS mean_hidden,
        avg(top1_agreement) AS top1_agreement
    FROM equal_loss_pairs
    GROUP BY rashomon_set
)
SELECT
    s.* EXCLUDE (artifact, rashomon_set, parameters),
    m.mean_excess_nats,
    d.pairs,
    d.mean_kl,
    d.max_kl,
    d.mean_hidden,
    1 - d.top1_agreement AS top1_disagreement,
    s.rashomon_set
FROM current_set AS s
LEFT JOIN member AS m ON m.artifact = s.artifact AND m.rashomon_set = s.rashomon_set
LEFT JOIN pair AS d ON d.rashomon_set = s.rashomon_set
ORDER BY s.reference, s.method <> 'trained', s.method, s.eps_unit, s.eps, s.label;
COMMENT ON VIEW rashomon_summary IS 'A Rashomon set with its number of members and the divergence of their pairs on held-out text: one line a set. Further metrics are in set_metric. Grain: label, method, reference, eps, eps_unit.';
COMMENT ON COLUMN rashomon_summary.share IS 'members / candidates; not comparable between classes with unequal numbers of candidates';
COMMENT ON COLUMN rashomon_summary.share_low IS 'Lower end of its Wilson interval; NULL where the reference is the loss of a candidate';
COMMENT ON COLUMN rashomon_summary.share_high IS 'Upper end of its Wilson interval; NULL where the reference is the loss of a candidate';
COMMENT ON COLUMN rashomon_summary.mean_excess_nats IS 'Mean over members of the select loss minus the reference loss';
COMMENT ON COLUMN rashomon_summary.pairs IS 'Pairs of trained members on the held-out probe; NULL without pairs or without a divergence analysis';
COMMENT ON COLUMN rashomon_summary.mean_kl IS 'Mean KL over these pairs';
COMMENT ON COLUMN rashomon_summary.max_kl IS 'Largest KL of a pair; grows with the number of members';
COMMENT ON COLUMN rashomon_summary.mean_hidden IS 'Mean over these pairs of half the variance of the log ratio';
COMMENT ON COLUMN rashomon_summary.top1_disagreement IS 'Mean share of tokens on which the two members rank different tokens first';

CREATE VIEW widest_set AS
WITH weighted AS (
    SELECT
        rashomon_set,
        label,
        corpus,
        size,
        variant,
        method,
        reference,
        eps,
        eps_unit,
        eps_nats,
        members,
        candidates,
        parameters,
        sum(members) OVER (PARTITION BY corpus, reference) AS weight
    FROM current_set
)
SELECT * EXCLUDE (weight)
FROM weighted
QUALIFY
    reference = first_value(reference) OVER (
        PARTITION BY corpus ORDER BY weight DESC, reference
    )
    AND rashomon_set = first_value(rashomon_set) OVER (
        PARTITION BY label, method
        ORDER BY weight DESC, reference, members DESC, eps_nats, eps_unit, eps
    )
ORDER BY corpus, parameters, size, variant, method <> 'trained', method;
COMMENT ON VIEW widest_set IS 'A class and method with its widest Rashomon set: the one to take where there is room for one. It has most members, at the smallest threshold that reaches them, under the reference with most members in the corpus. Grain: label, method.';

CREATE VIEW derived_model AS
WITH loss AS (
    SELECT l.* FROM model_loss AS l JOIN artifact AS e ON e.artifact = l.artifact AND e.is_current
)
SELECT
    m.model,
    concat_ws('/', m.corpus, m.size, m.variant) AS label,
    m.corpus,
    m.size,
    m.variant,
    m.method,
    m.parent,
    m.seed_init,
    m.seed_order,
    m.scale,
    m.draw,
    s.nats AS select_nats,
    t.nats AS measure_nats,
    t.nats_low AS measure_low,
    t.nats_high AS measure_high,
    s.nats - p.nats AS excess_select,
    t.nats - q.nats AS excess_measure,
    c.bits,
    c.bits_per_weight,
    m.cost_seconds
FROM model AS m
JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
LEFT JOIN quantised_model AS c ON c.artifact = m.artifact AND c.model = m.model
LEFT JOIN loss AS s ON s.model = m.model AND s.split = 'select'
LEFT JOIN loss AS t ON t.model = m.model AND t.split = 'measure'
LEFT JOIN loss AS p ON p.model = m.parent AND p.split = 'select'
LEFT JOIN loss AS q ON q.model = m.parent AND q.split = 'measure'
WHERE m.method NOT IN ('trained', 'fine-tuned', 'pretrained')
ORDER BY m.corpus, m.size, m.variant, m.method, m.parent, m.scale, m.draw;
COMMENT ON VIEW derived_model IS 'A member derived from a trained one by weight noise, a dropout mask, rounding to few bits or an earlier checkpoint, with its loss: is a cheap member as good as its parent? Its weights are not stored, but recomputed from the parent. Grain: model.';
COMMENT ON COLUMN derived_model.method IS 'noise, dropout, checkpoint or quantised';
COMMENT ON COLUMN derived_model.parent IS 'Trained member that it was derived from';
COMMENT ON COLUMN derived_model.seed_init IS 'Seed of the initial weights of its parent';
COMMENT ON COLUMN derived_model.seed_order IS 'Seed of the data order of its parent';
COMMENT ON COLUMN derived_model.scale IS 'Noise as a share of the rms of each weight tensor, share of units dropped, share of the training steps done, or rise of the loss that a code was aimed at';
COMMENT ON COLUMN derived_model.measure_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN derived_model.bits IS 'Of quantised: bits of all weights, with tables and steps';
COMMENT ON COLUMN derived_model.bits_per_weight IS 'Of quantised: bits over the number of weights';
COMMENT ON COLUMN derived_model.excess_select IS 'select_nats minus that of its parent';
COMMENT ON COLUMN derived_model.excess_measure IS 'measure_nats minus that of its parent';
COMMENT ON COLUMN derived_model.cost_seconds IS 'Seconds to derive it, without the training of its parent';

CREATE VIEW member_volume AS
SELECT
    v.model,
    m.label,
    m.corpus,
    m.size,
    m.variant,
    v.eps_nats,
    v.log_radius,
    v.log_radius_low AS low,
    v.log_radius_high AS high,
    v.log_volume,
    v.log_volume_sampled,
    v.weights,
    v.directions,
    v.windows
FROM local_volume AS v
JOIN artifact AS e ON e.artifact = v.artifact AND e.is_current
JOIN current_model AS m ON m.model = v.model
ORDER BY m.corpus, m.parameters, m.size, m.variant, m.seed_init, m.seed_order;
COMMENT ON VIEW member_volume IS 'A member and an allowed rise of the loss, with how far its weights can move in random directions: how much room is around it? Grain: model, eps_nats.';
COMMENT ON COLUMN member_volume.directions IS 'Random directions';
COMMENT ON COLUMN member_volume.eps_nats IS 'Allowed rise of the loss, nats per token on windows of select';
COMMENT ON COLUMN member_volume.log_radius IS 'Mean over directions of ln r, where noise of r times the rms of each weight tensor raises the loss by eps: a lower bound of the log-volume per weight';
COMMENT ON COLUMN member_volume.low IS 'Lower end of its interval over directions';
COMMENT ON COLUMN member_volume.weights IS 'Number of weights that are moved';
COMMENT ON COLUMN member_volume.windows IS 'Windows of select';

CREATE VIEW rashomon_curve AS
WITH volume AS (
    SELECT
        label,
        avg(log_radius ORDER BY log_radius) AS log_radius,
        stddev_samp(log_radius ORDER BY log_radius) AS sd,
        count(log_radius) AS models
    FROM member_volume
    GROUP BY label
)
SELECT
    r.model_class AS label,
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    r.threshold_nats,
    r.threshold_nats = quantile_disc(r.threshold_nats, 0.5) OVER (
        PARTITION BY c.corpus
    ) AS is_median,
    r.share,
    r.share_low,
    r.share_high,
    r.members,
    r.candidates,
    v.log_radius,
    v.log_radius - i.half_width * v.sd AS log_radius_low,
    v.log_radius + i.half_width * v.sd AS log_radius_high,
    v.models AS volume_models,
    k.kl,
    k.low AS kl_low,
    k.high AS kl_high,
    k.models AS kl_models
FROM rashomon_curve_point AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = r.model_class AND c.is_current
LEFT JOIN volume AS v ON v.label = r.model_class
LEFT JOIN mean_interval AS i ON i.n = v.models
LEFT JOIN (FROM severity_curve WHERE is_text) AS k ON k.label = r.model_class
ORDER BY c.corpus, c.parameters, c.size, c.variant, r.threshold_nats;
COMMENT ON VIEW rashomon_curve IS 'A class under a loss threshold that all classes share, with the share of members that reach it, the room around them in weight space and their divergence: do larger classes hold more good models? Grain: label, threshold_nats.';
COMMENT ON COLUMN rashomon_curve.threshold_nats IS 'Select loss, the same thresholds for all classes of the corpus, nats per token';
COMMENT ON COLUMN rashomon_curve.is_median IS 'Whether this is the median loss of all members of the corpus; a claim on two classes uses the median of those two';
COMMENT ON COLUMN rashomon_curve.share IS 'Share of trained members at or below the threshold';
COMMENT ON COLUMN rashomon_curve.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN rashomon_curve.members IS 'Members at or below the threshold';
COMMENT ON COLUMN rashomon_curve.candidates IS 'Trained members of the class';
COMMENT ON COLUMN rashomon_curve.log_radius IS 'Local log-volume per weight, mean over members, nats: ln of the weight noise, relative to the weights, that raises the loss by eps';
COMMENT ON COLUMN rashomon_curve.log_radius_low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN rashomon_curve.volume_models IS 'Members with an estimated volume';
COMMENT ON COLUMN rashomon_curve.kl IS 'Mean KL between trained members of the class on held-out text';
COMMENT ON COLUMN rashomon_curve.kl_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN rashomon_curve.kl_models IS 'Members that entered kl';

CREATE VIEW headroom_test AS
SELECT
    h.model_class AS label,
    h.next_class AS next_label,
    c.corpus,
    c.size,
    c.variant,
    n.size AS next_size,
    h.* EXCLUDE (artifact, model_class, next_class)
FROM headroom AS h
JOIN artifact AS e ON e.artifact = h.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = h.model_class AND c.is_current
LEFT JOIN model_class AS n ON n.label = h.next_class AND n.is_current
ORDER BY c.corpus, c.parameters, h.model_class, h.next_class;
COMMENT ON VIEW headroom_test IS 'A class beside its next size: does averaging its members gain more than the larger model? Grain: label, next_label.';
COMMENT ON COLUMN headroom_test.next_label IS 'Label of the class of the next size';
COMMENT ON COLUMN headroom_test.next_size IS 'Name of the next size';
COMMENT ON COLUMN headroom_test.p IS 'One-sided; the null is that the gain does not exceed the headroom';
COMMENT ON COLUMN headroom_test.models IS 'Members of the class';
COMMENT ON COLUMN headroom_test.documents IS 'Documents of the measure split';

CREATE VIEW current_pool AS
SELECT label AS pool, corpus, size, variant
FROM model_class
WHERE is_current
UNION ALL
SELECT DISTINCT concat_ws('/', corpus, size) AS pool, corpus, size, NULL AS variant
FROM model_class
WHERE is_current;
COMMENT ON VIEW current_pool IS 'A pool of members that constraints are applied to: a class, or a size with all its variants. The pools that funnel and pattern_count are about. Grain: pool.';
COMMENT ON COLUMN current_pool.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN current_pool.variant IS 'Name of the variant; NULL for all variants of a size';

CREATE VIEW funnel AS
SELECT f.pool, p.corpus, p.size, p.variant, f.* EXCLUDE (artifact, pool)
FROM funnel_step AS f
JOIN artifact AS e ON e.artifact = f.artifact AND e.is_current
LEFT JOIN current_pool AS p ON p.pool = f.pool
ORDER BY f.pool, f.constraints;
COMMENT ON VIEW funnel IS 'A pool after a number of constraints, with the members that pass all of them, beside what independent constraints would leave: how many models survive as requirements are added? Grain: pool, constraints.';
COMMENT ON COLUMN funnel.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel.variant IS 'Name of the variant; NULL for all variants of a size';
COMMENT ON COLUMN funnel.share IS 'survivors / models';
COMMENT ON COLUMN funnel.share_low IS 'Lower end of its Wilson interval, once all constraints are applied; NULL before';
COMMENT ON COLUMN funnel.kl IS 'Mean KL of pairs of survivors on held-out text, mean over orders that leave a pair';
COMMENT ON COLUMN funnel.models IS 'Members of the pool';
COMMENT ON COLUMN funnel.orders IS 'Orders of the constraints that were tried';

CREATE VIEW pattern_count AS
SELECT n.pool, p.corpus, p.size, p.variant, n.* EXCLUDE (artifact, pool)
FROM pattern AS n
JOIN artifact AS e ON e.artifact = n.artifact AND e.is_current
LEFT JOIN current_pool AS p ON p.pool = n.pool
ORDER BY n.pool, n.members_used;
COMMENT ON VIEW pattern_count IS 'A pool and a number of members drawn, with the number of distinct patterns of passing and failing the probes: do equally good members fail on different probes? Grain: pool, members_used.';
COMMENT ON COLUMN pattern_count.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN pattern_count.variant IS 'Name of the variant; NULL for all variants of a size';
COMMENT ON COLUMN pattern_count.members_used IS 'Members drawn at a time';
COMMENT ON COLUMN pattern_count.models IS 'Members of the pool';

CREATE VIEW method_yield AS
WITH candidate AS (
    SELECT x.artifact, x.rashomon_set, m.parent, m.cost_seconds
    FROM rashomon_member AS x
    JOIN model AS m ON m.model = x.model
),
made AS (
    SELECT artifact, rashomon_set, sum(cost_seconds ORDER BY cost_seconds) AS seconds
    FROM candidate
    GROUP BY artifact, rashomon_set
),
ancestor AS (
    SELECT
        c.artifact,
        c.rashomon_set,
        count(*) AS parents,
        sum(p.cost_seconds ORDER BY p.cost_seconds) AS seconds
    FROM (SELECT DISTINCT artifact, rashomon_set, parent FROM candidate) AS c
    JOIN model AS p ON p.model = c.parent
    GROUP BY c.artifact, c.rashomon_set
)
SELECT
    s.label,
    s.corpus,
    s.size,
    s.variant,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    s.candidates,
    s.members,
    s.share,
    s.share_low,
    s.share_high,
    k.value AS kl,
    k.low AS kl_low,
    k.high AS kl_high,
    m.seconds / nullif(s.candidates, 0) AS seconds_per_candidate,
    m.seconds / nullif(s.members, 0) AS seconds_per_member,
    k.value / nullif(m.seconds / nullif(s.members, 0), 0) AS kl_per_second,
    coalesce(a.parents, 0) AS parents,
    a.seconds AS parent_seconds,
    s.rashomon_set
FROM current_set AS s
LEFT JOIN set_metric AS k
    ON k.rashomon_set = s.rashomon_set
    AND k.metric = 'kl'
    AND k.weighting = 'hard'
    AND k.is_whole
    AND isfinite(k.value)
LEFT JOIN made AS m ON m.artifact = s.artifact AND m.rashomon_set = s.rashomon_set
LEFT JOIN ancestor AS a ON a.artifact = s.artifact AND a.rashomon_set = s.rashomon_set
ORDER BY s.reference, s.eps_unit, s.eps, s.label, s.method <> 'trained', s.method;
COMMENT ON VIEW method_yield IS 'A way to make members of a class (retraining, noise, dropout, rounding, checkpoints) under a threshold, with the share inside, their divergence and their cost: which way yields most for its time? Grain: label, method, reference, eps, eps_unit.';
COMMENT ON COLUMN method_yield.share IS 'members / candidates: the yield';
COMMENT ON COLUMN method_yield.share_low IS 'Lower end of its Wilson interval; NULL where the reference is the loss of a candidate, and for codes and checkpoints, which are no sample';
COMMENT ON COLUMN method_yield.share_high IS 'Upper end of its Wilson interval; NULL where the reference is the loss of a candidate, and for codes and checkpoints, which are no sample';
COMMENT ON COLUMN method_yield.kl IS 'Mean KL over pairs of members of the set, nats per token';
COMMENT ON COLUMN method_yield.kl_low IS 'Lower end of its interval';
COMMENT ON COLUMN method_yield.seconds_per_candidate IS 'Mean seconds to make a candidate, without the training of its parent';
COMMENT ON COLUMN method_yield.seconds_per_member IS 'Seconds for all candidates / members; NULL for an empty set';
COMMENT ON COLUMN method_yield.kl_per_second IS 'kl / seconds_per_member; NULL where members cost nothing beyond the parent';
COMMENT ON COLUMN method_yield.parents IS 'Trained members that the candidates were derived from; 0 for trained ones';
COMMENT ON COLUMN method_yield.parent_seconds IS 'Seconds to train these parents; NULL for trained ones';

CREATE VIEW disclosure_subset AS
SELECT
    s.rashomon_set,
    s.label,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    row_number() OVER heaviest AS rank,
    w.model,
    m.seed_init,
    m.seed_order,
    m.scale,
    m.draw,
    w.weight,
    sum(w.weight) OVER heaviest AS covered,
    w.mean_weight,
    s.members
FROM set_weight AS w
JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
JOIN current_set AS s ON s.rashomon_set = w.rashomon_set
JOIN model AS m ON m.model = w.model
WHERE w.weight > 0.001
WINDOW heaviest AS (
    PARTITION BY w.artifact, w.rashomon_set ORDER BY w.weight DESC, w.model
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)
ORDER BY s.reference, s.label, s.method, s.eps_nats, s.rashomon_set, rank;
COMMENT ON VIEW disclosure_subset IS 'A member of the smallest subset of a Rashomon set that shows all its predictions, heaviest first: which models must be shown to show the set? It has the members with weight in the one mixture that attains the shared capacity. Grain: rashomon_set, model.';
COMMENT ON COLUMN disclosure_subset.rank IS 'Rank by weight, 1 for the heaviest';
COMMENT ON COLUMN disclosure_subset.weight IS 'Weight in the one mixture for all positions; members of at most 0.001 are left out';
COMMENT ON COLUMN disclosure_subset.covered IS 'Cumulative weight';
COMMENT ON COLUMN disclosure_subset.mean_weight IS 'Weight in the mixture of a single position, mean over positions';

CREATE VIEW contested_positions AS
SELECT
    s.rashomon_set,
    s.label,
    s.corpus,
    s.size,
    s.variant,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    s.members,
    p.* EXCLUDE (artifact, rashomon_set)
FROM position_multiplicity AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN current_set AS s ON s.rashomon_set = p.rashomon_set
ORDER BY p.effective_models DESC, s.rashomon_set, p.position;
COMMENT ON VIEW contested_positions IS 'A sampled token of the measure split and a Rashomon set, the most disputed first: on which tokens do equally good models disagree? Grain: rashomon_set, position.';
COMMENT ON COLUMN contested_positions.position IS 'Number of the position in the evaluated windows';
COMMENT ON COLUMN contested_positions.document IS 'Document of the token';
COMMENT ON COLUMN contested_positions.information IS 'Mutual information of token and member under equal weights, nats';

CREATE VIEW variance_components AS
SELECT
    v.model_class AS label,
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    v.* EXCLUDE (artifact, model_class)
FROM variance_component AS v
JOIN artifact AS e ON e.artifact = v.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = v.model_class AND c.is_current
ORDER BY v.measure, c.corpus, c.parameters, v.model_class, v.component = 'rest', v.component;
COMMENT ON VIEW variance_components IS 'A component of the variance within a class whose seeds are crossed: do initial weights decide more than data order? Grain: label, measure, component.';
COMMENT ON COLUMN variance_components.measure IS 'nats (loss on measure), kl or top1_disagreement (of pairs, on measure)';
COMMENT ON COLUMN variance_components.component IS 'init, order, or rest: their interaction and residual';
COMMENT ON COLUMN variance_components.share IS 'Share of the variance, or of the mean divergence of pairs that differ in both seeds';
COMMENT ON COLUMN variance_components.low IS 'Lower end of its interval; NULL with fewer than 3 seeds of a kind';
COMMENT ON COLUMN variance_components.p IS 'Permutation test of the seed labels; NULL for rest and where no test is possible';
COMMENT ON COLUMN variance_components.orders IS 'Seeds of data order';

CREATE VIEW rarefaction_curve AS
SELECT * EXCLUDE (weighting, covered)
FROM set_metric
WHERE weighting = 'hard'
QUALIFY count(*) OVER (PARTITION BY rashomon_set, metric) > 1
ORDER BY reference, label, method, eps_nats, rashomon_set, metric, members_used;
COMMENT ON VIEW rarefaction_curve IS 'A metric of a Rashomon set with a smaller number of members, exact over all subsets: would more seeds show more, and which of two sets of unequal size is more diverse? Grain: rashomon_set, metric, members_used.';
COMMENT ON COLUMN rarefaction_curve.members_used IS 'Members drawn at a time';
COMMENT ON COLUMN rarefaction_curve.is_whole IS 'Whether these are all members of the set';
COMMENT ON COLUMN rarefaction_curve.value IS 'Mean over all subsets of this size';
COMMENT ON COLUMN rarefaction_curve.low IS 'Lower end of its interval';
COMMENT ON COLUMN rarefaction_curve.units IS 'Units of the interval';
