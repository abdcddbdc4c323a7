-- Sets of models that fit equally well: how many there are, how much room they have, how they
-- differ. Shares and metrics that can only grow with members are compared at equal numbers alone.

CREATE VIEW set_metric AS
SELECT
    s.rashomon_set,
    s.model_class AS label,
    split_part(s.model_class, '/', 1) AS corpus,
    split_part(s.model_class, '/', 2) AS size,
    split_part(s.model_class, '/', 3) AS variant,
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
    m.documents
FROM rashomon_metric AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
JOIN (
    SELECT r.* FROM rashomon_set AS r JOIN artifact AS a ON a.artifact = r.artifact AND a.is_current
) AS s ON s.rashomon_set = m.rashomon_set
ORDER BY s.reference, s.model_class, s.method, s.eps_nats, m.metric, m.weighting, m.members_used;
COMMENT ON VIEW set_metric IS 'Every metric of every current set, beside what the set is. Grain: rashomon_set, metric, weighting, members_used.';
COMMENT ON COLUMN set_metric.members_used IS 'Members that entered, or how many of them are drawn at a time';
COMMENT ON COLUMN set_metric.is_whole IS 'Whether all members entered; else fewer are drawn, which is rarefaction';
COMMENT ON COLUMN set_metric.value IS 'Estimate on the measure split';
COMMENT ON COLUMN set_metric.low IS 'Lower end of its interval';
COMMENT ON COLUMN set_metric.units IS 'What the interval is over: models and documents, or documents with the members given';

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
),
known AS (
    SELECT
        rashomon_set,
        concat(
            metric,
            CASE WHEN weighting = 'resampled' THEN '_resampled' END,
            unnest(['', '_low', '_high'])
        ) AS name,
        unnest([value, low, high]) AS value
    FROM set_metric
    WHERE is_whole
),
law AS (
    PIVOT (FROM known WHERE isfinite(value))
    ON name IN (
        'ambiguity', 'ambiguity_low', 'ambiguity_high',
        'discrepancy', 'discrepancy_low', 'discrepancy_high',
        'vote_disagreement', 'vote_disagreement_low', 'vote_disagreement_high',
        'information', 'information_low', 'information_high',
        'capacity', 'capacity_low', 'capacity_high',
        'effective_models', 'effective_models_low', 'effective_models_high',
        'ensemble_gain', 'ensemble_gain_low', 'ensemble_gain_high',
        'kl', 'kl_low', 'kl_high',
        'tokens_to_tell_apart', 'tokens_to_tell_apart_low', 'tokens_to_tell_apart_high',
        'ambiguity_resampled', 'vote_disagreement_resampled', 'effective_models_resampled',
        'ensemble_gain_resampled', 'kl_resampled'
    )
    USING max(value)
    GROUP BY rashomon_set
)
SELECT
    s.model_class AS label,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    s.reference_nats,
    s.candidates,
    s.members,
    s.share,
    s.share_low,
    s.share_high,
    m.mean_excess_nats,
    d.pairs,
    d.mean_kl,
    d.max_kl,
    d.mean_hidden,
    1 - d.top1_agreement AS top1_disagreement,
    l.* EXCLUDE (rashomon_set),
    s.rashomon_set
FROM rashomon_set AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
LEFT JOIN member AS m ON m.artifact = s.artifact AND m.rashomon_set = s.rashomon_set
LEFT JOIN pair AS d ON d.rashomon_set = s.rashomon_set
LEFT JOIN law AS l ON l.rashomon_set = s.rashomon_set
ORDER BY s.reference, s.method <> 'trained', s.method, s.eps_unit, s.eps, s.model_class;
COMMENT ON VIEW rashomon_summary IS 'Size and diversity of each Rashomon set, on held-out text. Grain: label, method, reference, eps, eps_unit.';
COMMENT ON COLUMN rashomon_summary.share IS 'members / candidates; not comparable between classes of unequal candidates';
COMMENT ON COLUMN rashomon_summary.share_low IS 'Lower end of its Wilson interval; NULL where the reference is one of the candidates'' own losses';
COMMENT ON COLUMN rashomon_summary.mean_excess_nats IS 'Mean over members of the select loss less the reference''s';
COMMENT ON COLUMN rashomon_summary.pairs IS 'Pairs of trained members on the probe that stands for held-out text; NULL where divergence was not measured or there is no pair';
COMMENT ON COLUMN rashomon_summary.mean_kl IS 'Mean KL over these pairs';
COMMENT ON COLUMN rashomon_summary.max_kl IS 'Largest KL of a pair; grows with the number of members';
COMMENT ON COLUMN rashomon_summary.mean_hidden IS 'Mean hidden half-variance over these pairs';
COMMENT ON COLUMN rashomon_summary.top1_disagreement IS 'Mean share of tokens on which two members rank another token first';
COMMENT ON COLUMN rashomon_summary.ambiguity IS 'Share of tokens for which a member ranks another token first than the best member does; can only grow with members; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.ambiguity_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.discrepancy IS 'Largest share of tokens for which one member ranks another first than the best member does; can only grow with members; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.discrepancy_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.vote_disagreement IS 'Share of pairs of members that rank different tokens first, mean over tokens; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.vote_disagreement_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.information IS 'Information between token and member, members alike likely, nats; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.information_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.capacity IS 'Rashomon capacity, mean over tokens, nats; can only grow with members; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.capacity_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.effective_models IS 'Mean over tokens of exp(capacity), which is 2^C with C in bits; can only grow with members; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.effective_models_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.ensemble_gain IS 'Mean loss of the members less the loss of their mean law, nats; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.ensemble_gain_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.kl IS 'Mean KL over pairs of members, nats; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.kl_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.tokens_to_tell_apart IS 'Tokens after which two members can be told apart at 20 to 1, ln 20 / kl; NULL where multiplicity was not measured';
COMMENT ON COLUMN rashomon_summary.tokens_to_tell_apart_low IS 'Lower end of its interval';
COMMENT ON COLUMN rashomon_summary.ambiguity_resampled IS 'ambiguity, mean over the sets that document resamples of the select split give';
COMMENT ON COLUMN rashomon_summary.vote_disagreement_resampled IS 'vote_disagreement, mean over the sets that document resamples of the select split give';
COMMENT ON COLUMN rashomon_summary.effective_models_resampled IS 'effective_models, mean over the sets that document resamples of the select split give';
COMMENT ON COLUMN rashomon_summary.ensemble_gain_resampled IS 'ensemble_gain, mean over the sets that document resamples of the select split give';
COMMENT ON COLUMN rashomon_summary.kl_resampled IS 'kl, mean over the sets that document resamples of the select split give';

CREATE VIEW widest_set AS
WITH known AS (
    SELECT
        s.rashomon_set,
        s.model_class AS label,
        split_part(s.model_class, '/', 1) AS corpus,
        split_part(s.model_class, '/', 2) AS size,
        split_part(s.model_class, '/', 3) AS variant,
        s.method,
        s.reference,
        s.eps,
        s.eps_unit,
        s.eps_nats,
        s.members,
        s.candidates,
        sum(s.members) OVER (
            PARTITION BY split_part(s.model_class, '/', 1), s.reference
        ) AS weight
    FROM rashomon_set AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
)
SELECT k.* EXCLUDE (weight), c.parameters
FROM known AS k
LEFT JOIN model_class AS c ON c.label = k.label AND c.is_current
QUALIFY
    k.reference = first_value(k.reference) OVER (
        PARTITION BY k.corpus ORDER BY k.weight DESC, k.reference
    )
    AND k.rashomon_set = first_value(k.rashomon_set) OVER (
        PARTITION BY k.label, k.method
        ORDER BY k.weight DESC, k.reference, k.members DESC, k.eps_nats, k.eps_unit, k.eps
    )
ORDER BY k.corpus, c.parameters, k.size, k.variant, k.method <> 'trained', k.method;
COMMENT ON VIEW widest_set IS 'Of each class and method the set with most members, the narrowest of these, under the reference that has most members over all sets of the corpus. Grain: label, method.';

CREATE VIEW current_candidate AS
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
    m.cost_seconds
FROM model AS m
JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
LEFT JOIN loss AS s ON s.model = m.model AND s.split = 'select'
LEFT JOIN loss AS t ON t.model = m.model AND t.split = 'measure'
LEFT JOIN loss AS p ON p.model = m.parent AND p.split = 'select'
LEFT JOIN loss AS q ON q.model = m.parent AND q.split = 'measure'
WHERE m.method NOT IN ('trained', 'fine-tuned')
ORDER BY m.corpus, m.size, m.variant, m.method, m.parent, m.scale, m.draw;
COMMENT ON VIEW current_candidate IS 'Derived members of the current study with their losses: they have no weights file, but are made again from their parents. Grain: model.';
COMMENT ON COLUMN current_candidate.method IS 'noise, dropout or checkpoint';
COMMENT ON COLUMN current_candidate.parent IS 'The trained member it was derived from';
COMMENT ON COLUMN current_candidate.seed_init IS 'Seed of the initial weights of its parent';
COMMENT ON COLUMN current_candidate.seed_order IS 'Seed of the data order of its parent';
COMMENT ON COLUMN current_candidate.scale IS 'Noise as a share of the rms of each weight tensor, share of units dropped, or share of the steps done';
COMMENT ON COLUMN current_candidate.measure_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN current_candidate.excess_select IS 'select_nats less its parent''s';
COMMENT ON COLUMN current_candidate.excess_measure IS 'measure_nats less its parent''s';
COMMENT ON COLUMN current_candidate.cost_seconds IS 'Seconds it took to make, beyond its parent''s';

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
COMMENT ON VIEW member_volume IS 'How much room the weights of each current member have before eps is lost. Grain: model, eps_nats.';
COMMENT ON COLUMN member_volume.eps_nats IS 'What may be lost, nats per token on windows of select';
COMMENT ON COLUMN member_volume.log_radius IS 'Mean over directions of ln r, where noise of r times the rms of each weight tensor loses eps: a lower bound of the log-volume per weight';
COMMENT ON COLUMN member_volume.low IS 'Lower end of its interval over directions';
COMMENT ON COLUMN member_volume.weights IS 'Number of weights that are moved';
COMMENT ON COLUMN member_volume.windows IS 'Windows of select';

CREATE VIEW rashomon_curve AS
WITH point AS (
    SELECT
        r.model_class AS label,
        split_part(r.model_class, '/', 1) AS corpus,
        split_part(r.model_class, '/', 2) AS size,
        split_part(r.model_class, '/', 3) AS variant,
        r.* EXCLUDE (artifact, model_class)
    FROM rashomon_curve_point AS r
    JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
),
volume AS (
    SELECT
        label,
        avg(log_radius ORDER BY log_radius) AS log_radius,
        stddev_samp(log_radius ORDER BY log_radius) / sqrt(count(log_radius)) AS error,
        count(log_radius) AS models
    FROM member_volume
    GROUP BY label
)
SELECT
    p.label,
    p.corpus,
    p.size,
    p.variant,
    c.parameters,
    p.threshold_nats,
    p.threshold_nats = quantile_disc(p.threshold_nats, 0.5) OVER (
        PARTITION BY p.corpus
    ) AS is_median,
    p.share,
    p.share_low,
    p.share_high,
    p.members,
    p.candidates,
    v.log_radius,
    v.log_radius - t.t * v.error AS log_radius_low,
    v.log_radius + t.t * v.error AS log_radius_high,
    v.models AS volume_models,
    k.kl,
    k.low AS kl_low,
    k.high AS kl_high,
    k.models AS kl_models
FROM point AS p
LEFT JOIN volume AS v ON v.label = p.label
LEFT JOIN student_t AS t ON t.degrees = v.models - 1
LEFT JOIN (FROM severity_curve WHERE is_text) AS k ON k.label = p.label
LEFT JOIN model_class AS c ON c.label = p.label AND c.is_current
ORDER BY p.corpus, c.parameters, p.size, p.variant, p.threshold_nats;
COMMENT ON VIEW rashomon_curve IS 'Size of a class against how many of its models are under one loss, how much room each has, and how differently they behave. Grain: label, threshold_nats.';
COMMENT ON COLUMN rashomon_curve.threshold_nats IS 'Select loss that all classes of the corpus share, nats per token';
COMMENT ON COLUMN rashomon_curve.is_median IS 'Whether this is the median of the losses of all members of the corpus; claims take that of the two classes that they compare';
COMMENT ON COLUMN rashomon_curve.share IS 'Share of trained members at or below it';
COMMENT ON COLUMN rashomon_curve.share_low IS 'Lower end of its Wilson interval';
COMMENT ON COLUMN rashomon_curve.members IS 'Members at or below it';
COMMENT ON COLUMN rashomon_curve.candidates IS 'Trained members of the class';
COMMENT ON COLUMN rashomon_curve.log_radius IS 'Local log-volume per weight, mean over members, nats: ln of how far, as a share of the weights, noise can go before eps is lost';
COMMENT ON COLUMN rashomon_curve.log_radius_low IS 'Lower end of its 95% interval over members, t; NULL for a single one';
COMMENT ON COLUMN rashomon_curve.volume_models IS 'Members whose volume was estimated';
COMMENT ON COLUMN rashomon_curve.kl IS 'Mean KL between trained members of the class on held-out text';
COMMENT ON COLUMN rashomon_curve.kl_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN rashomon_curve.kl_models IS 'Members that entered it';

CREATE VIEW headroom_test AS
SELECT
    h.model_class AS label,
    h.next_class AS next_label,
    split_part(h.model_class, '/', 1) AS corpus,
    split_part(h.model_class, '/', 2) AS size,
    split_part(h.model_class, '/', 3) AS variant,
    split_part(h.next_class, '/', 2) AS next_size,
    h.* EXCLUDE (artifact, model_class, next_class)
FROM headroom AS h
JOIN artifact AS e ON e.artifact = h.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = h.model_class AND c.is_current
ORDER BY corpus, c.parameters, h.model_class, h.next_class;
COMMENT ON VIEW headroom_test IS 'What averaging the members of a class gains, beside what its next size has to offer. Grain: label, next_label.';
COMMENT ON COLUMN headroom_test.next_label IS 'Label of the class of the next size';
COMMENT ON COLUMN headroom_test.next_size IS 'Name of the next size';
COMMENT ON COLUMN headroom_test.p IS 'One-sided: that the gain is no larger than the headroom';
COMMENT ON COLUMN headroom_test.models IS 'Members of the class';
COMMENT ON COLUMN headroom_test.documents IS 'Documents of the measure split';

CREATE VIEW funnel AS
SELECT
    f.pool,
    split_part(f.pool, '/', 1) AS corpus,
    split_part(f.pool, '/', 2) AS size,
    nullif(split_part(f.pool, '/', 3), '') AS variant,
    f.* EXCLUDE (artifact, pool)
FROM funnel_step AS f
JOIN artifact AS e ON e.artifact = f.artifact AND e.is_current
ORDER BY f.pool, f.constraints;
COMMENT ON VIEW funnel IS 'How many models are left as constraints are added, and how differently those behave. Grain: pool, constraints.';
COMMENT ON COLUMN funnel.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN funnel.variant IS 'Name of the variant; NULL for all of a size';
COMMENT ON COLUMN funnel.share IS 'survivors / models';
COMMENT ON COLUMN funnel.share_low IS 'Lower end of the Wilson interval of the share that meets them all; NULL before the last';
COMMENT ON COLUMN funnel.kl IS 'Mean KL of pairs of survivors on held-out text, mean over orders that leave a pair';
COMMENT ON COLUMN funnel.kl_low IS '2.5% of orders';
COMMENT ON COLUMN funnel.kl_high IS '97.5% of orders';
COMMENT ON COLUMN funnel.models IS 'Members of the pool';
COMMENT ON COLUMN funnel.orders IS 'Random orders';

CREATE VIEW pattern_count AS
SELECT
    p.pool,
    split_part(p.pool, '/', 1) AS corpus,
    split_part(p.pool, '/', 2) AS size,
    nullif(split_part(p.pool, '/', 3), '') AS variant,
    p.* EXCLUDE (artifact, pool)
FROM pattern AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
ORDER BY p.pool, p.members_used;
COMMENT ON VIEW pattern_count IS 'Distinct patterns of passing and failing the probes, by members drawn. Grain: pool, members_used.';
COMMENT ON COLUMN pattern_count.pool IS 'Label of a class, or corpus/size for all variants of a size';
COMMENT ON COLUMN pattern_count.variant IS 'Name of the variant; NULL for all of a size';
COMMENT ON COLUMN pattern_count.members_used IS 'How many members are drawn at a time';
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
    split_part(s.label, '/', 1) AS corpus,
    split_part(s.label, '/', 2) AS size,
    split_part(s.label, '/', 3) AS variant,
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
    s.kl,
    s.kl_low,
    s.kl_high,
    m.seconds / nullif(s.candidates, 0) AS seconds_per_candidate,
    m.seconds / nullif(s.members, 0) AS seconds_per_member,
    s.kl / nullif(m.seconds / nullif(s.members, 0), 0) AS kl_per_second,
    coalesce(a.parents, 0) AS parents,
    a.seconds AS parent_seconds,
    s.rashomon_set
FROM rashomon_summary AS s
JOIN rashomon_set AS r ON r.rashomon_set = s.rashomon_set
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
LEFT JOIN made AS m ON m.artifact = r.artifact AND m.rashomon_set = r.rashomon_set
LEFT JOIN ancestor AS a ON a.artifact = r.artifact AND a.rashomon_set = r.rashomon_set
ORDER BY s.reference, s.eps_unit, s.eps, s.label, s.method <> 'trained', s.method;
COMMENT ON VIEW method_yield IS 'What each way of making members yields: how many land inside, how differently they behave, what one costs. Grain: label, method, reference, eps, eps_unit.';
COMMENT ON COLUMN method_yield.share IS 'members / candidates: the yield';
COMMENT ON COLUMN method_yield.share_low IS 'Lower end of its Wilson interval; NULL where the reference is one of the candidates'' own losses';
COMMENT ON COLUMN method_yield.kl IS 'Mean KL over pairs of members of the set, nats per token';
COMMENT ON COLUMN method_yield.kl_low IS 'Lower end of its interval';
COMMENT ON COLUMN method_yield.seconds_per_candidate IS 'Mean seconds that making a candidate took, beyond its parent''s training';
COMMENT ON COLUMN method_yield.seconds_per_member IS 'Seconds of all candidates by member inside; NULL where there is none';
COMMENT ON COLUMN method_yield.kl_per_second IS 'kl / seconds_per_member; NULL where members cost nothing of their own';
COMMENT ON COLUMN method_yield.parents IS 'Trained members that the candidates were derived from; 0 for trained ones';
COMMENT ON COLUMN method_yield.parent_seconds IS 'Seconds that training these parents took; NULL for trained ones';

CREATE VIEW disclosure_subset AS
SELECT
    s.rashomon_set,
    s.model_class AS label,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    row_number() OVER place AS place,
    w.model,
    m.seed_init,
    m.seed_order,
    m.scale,
    m.draw,
    w.weight,
    sum(w.weight) OVER place AS covered,
    w.mean_weight,
    s.members
FROM set_weight AS w
JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
JOIN (
    SELECT r.* FROM rashomon_set AS r JOIN artifact AS a ON a.artifact = r.artifact AND a.is_current
) AS s ON s.rashomon_set = w.rashomon_set
JOIN model AS m ON m.model = w.model
WHERE w.weight > 0.001
WINDOW place AS (
    PARTITION BY w.artifact, w.rashomon_set ORDER BY w.weight DESC, w.model
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)
ORDER BY s.reference, s.model_class, s.method, s.eps_nats, s.rashomon_set, place;
COMMENT ON VIEW disclosure_subset IS 'The members that must be shown to show all that a set says, heaviest first: the mixture that attains the shared capacity needs no others. Grain: rashomon_set, model.';
COMMENT ON COLUMN disclosure_subset.place IS '1 for the heaviest';
COMMENT ON COLUMN disclosure_subset.weight IS 'Weight in the one mixture for all positions; members of at most 0.001 are left out';
COMMENT ON COLUMN disclosure_subset.covered IS 'Weight so far';
COMMENT ON COLUMN disclosure_subset.mean_weight IS 'Weight in the mixture of a single position, mean over positions';

CREATE VIEW contested_positions AS
SELECT
    s.rashomon_set,
    s.model_class AS label,
    split_part(s.model_class, '/', 1) AS corpus,
    split_part(s.model_class, '/', 2) AS size,
    split_part(s.model_class, '/', 3) AS variant,
    s.method,
    s.reference,
    s.eps,
    s.eps_unit,
    s.members,
    p.* EXCLUDE (artifact, rashomon_set)
FROM position_multiplicity AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN (
    SELECT r.* FROM rashomon_set AS r JOIN artifact AS a ON a.artifact = r.artifact AND a.is_current
) AS s ON s.rashomon_set = p.rashomon_set
ORDER BY p.effective_models DESC, s.rashomon_set, p.position;
COMMENT ON VIEW contested_positions IS 'A sample of tokens of the measure split, those on which a set says most different things first. Grain: rashomon_set, position.';
COMMENT ON COLUMN contested_positions.position IS 'Number of the position in the windows that were tried';
COMMENT ON COLUMN contested_positions.document IS 'Document that the token is from';
COMMENT ON COLUMN contested_positions.information IS 'Information between token and member, members alike likely, nats';

CREATE VIEW variance_components AS
SELECT
    v.model_class AS label,
    split_part(v.model_class, '/', 1) AS corpus,
    split_part(v.model_class, '/', 2) AS size,
    split_part(v.model_class, '/', 3) AS variant,
    c.parameters,
    v.* EXCLUDE (artifact, model_class)
FROM variance_component AS v
JOIN artifact AS e ON e.artifact = v.artifact AND e.is_current
LEFT JOIN model_class AS c ON c.label = v.model_class AND c.is_current
ORDER BY v.measure, corpus, c.parameters, v.model_class, v.component = 'rest', v.component;
COMMENT ON VIEW variance_components IS 'What of the differences within a class goes with the seed of the weights and what with that of the data order. Grain: label, measure, component.';
COMMENT ON COLUMN variance_components.measure IS 'nats (loss on measure), kl or top1_disagreement (of pairs, on measure)';
COMMENT ON COLUMN variance_components.component IS 'init, order, or rest: both together and chance';
COMMENT ON COLUMN variance_components.share IS 'Share of the variance, or of the mean divergence of pairs that differ in both';
COMMENT ON COLUMN variance_components.low IS 'Lower end of its interval; NULL with fewer than 3 seeds of a kind';
COMMENT ON COLUMN variance_components.p IS 'Permutation of the seed labels; NULL for rest and where it cannot be told';
COMMENT ON COLUMN variance_components.orders IS 'Seeds of data order';

CREATE VIEW rarefaction_curve AS
SELECT * EXCLUDE (weighting, covered)
FROM set_metric
WHERE weighting = 'hard'
QUALIFY count(*) OVER (PARTITION BY rashomon_set, metric) > 1
ORDER BY reference, label, method, eps_nats, rashomon_set, metric, members_used;
COMMENT ON VIEW rarefaction_curve IS 'What a metric would be with fewer members drawn from a set, up to all of them: exact means over all choices, so that sets are compared at equal numbers. Grain: rashomon_set, metric, members_used.';
COMMENT ON COLUMN rarefaction_curve.members_used IS 'How many members are drawn at a time';
COMMENT ON COLUMN rarefaction_curve.is_whole IS 'Whether these are all members of the set';
COMMENT ON COLUMN rarefaction_curve.value IS 'Mean over all choices of so many members';
COMMENT ON COLUMN rarefaction_curve.low IS 'Lower end of its interval';
COMMENT ON COLUMN rarefaction_curve.units IS 'What the interval is over';
