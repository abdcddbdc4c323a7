-- Probes, and the behaviour of members on them.

CREATE VIEW current_probe AS
WITH distant AS (
    SELECT
        p.*,
        d.value AS ngram_nats,
        r.value AS reference_nats,
        a.stage = 'search' AS is_search,
        p.severity = 0
        AND p.probe = first_value(p.probe) OVER (
            PARTITION BY p.corpus
            ORDER BY
                p.family <> 'held-out',
                p.is_synthetic OR p.split = 'train' OR a.stage = 'search',
                p.probe
        ) AS is_text
    FROM probe AS p
    JOIN artifact AS a ON a.artifact = p.artifact AND a.is_current
    LEFT JOIN probe_distance AS d
        ON d.artifact = p.artifact AND d.severity = p.severity AND d.measure = 'ngram_nats'
    LEFT JOIN (
        SELECT i.input, x.severity, x.value
        FROM probe_distance AS x
        JOIN artifact AS e ON e.artifact = x.artifact AND e.is_current
        JOIN artifact_input AS i ON i.artifact = x.artifact AND i.role = 'probe'
        WHERE x.measure = 'reference_nats'
    ) AS r ON r.input = p.artifact AND r.severity = p.severity
)
SELECT
    p.artifact,
    p.corpus,
    p.probe,
    p.severity,
    p.family,
    p.description,
    p.windows,
    p.scored,
    p.documents,
    p.effective_documents,
    p.changed,
    p.is_text,
    p.severity > 0
    AND row_number() OVER (
        PARTITION BY p.corpus
        ORDER BY
            p.severity = 0,
            p.is_search OR p.is_synthetic,
            p.ngram_nats DESC NULLS LAST,
            p.severity DESC,
            p.probe
    ) = 1 AS is_furthest,
    p.ngram_nats,
    p.reference_nats
FROM distant AS p;
COMMENT ON VIEW current_probe IS 'A probe of the study at a severity, with its family and its distance from the training data: how far from the text is it? Grain: corpus, probe, severity.';
COMMENT ON COLUMN current_probe.artifact IS 'Probe artifact';
COMMENT ON COLUMN current_probe.windows IS 'Number of windows';
COMMENT ON COLUMN current_probe.documents IS 'Documents of the windows';
COMMENT ON COLUMN current_probe.is_text IS 'Whether it represents ordinary held-out text: the first held-out probe, otherwise severity 0 of the first probe of measured text';
COMMENT ON COLUMN current_probe.is_furthest IS 'Whether it is the severity above 0 with the least likely contexts under train-split counts; searches (run on half of the members) and families that also make the scored tokens come last';
COMMENT ON COLUMN current_probe.reference_nats IS 'Loss of the reference seeds on the scored tokens: the distance from training by members outside all analyses, except that they write the contexts of family self-written; NULL if the study has none';

CREATE VIEW current_pair AS
SELECT
    a.corpus,
    a.label AS class_a,
    b.label AS class_b,
    CASE
        WHEN a.label = b.label THEN 'seed'
        WHEN a.mixer <> b.mixer AND a.variant = b.variant THEN 'mixer'
        WHEN a.mixer <> b.mixer THEN 'mixer and variant'
        WHEN a.size = b.size THEN 'variant'
        WHEN a.variant = b.variant THEN 'size'
        ELSE 'size and variant'
    END AS relation,
    a.seed_init = b.seed_init AS same_init,
    a.seed_order = b.seed_order AS same_order,
    coalesce(p.is_text, FALSE) AS is_text,
    d.*
FROM pair_divergence AS d
JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
JOIN current_model AS a ON a.model = d.model_a
JOIN current_model AS b ON b.model = d.model_b
LEFT JOIN current_probe AS p
    ON p.corpus = a.corpus AND p.probe = d.probe AND p.severity = d.severity;
COMMENT ON VIEW current_pair IS 'Two members on a probe at a severity, with their divergence in every metric and the factors in which they differ: how differently do any two models predict? Grain: corpus, probe, severity, model_a, model_b.';
COMMENT ON COLUMN current_pair.artifact IS 'Divergence artifact';
COMMENT ON COLUMN current_pair.class_a IS 'Class of model_a, corpus/size/variant';
COMMENT ON COLUMN current_pair.class_b IS 'Class of model_b';
COMMENT ON COLUMN current_pair.relation IS 'Difference of the two: seed (same class), variant, size, mixer (attention or recurrent, whatever the size), or one of the last two and the variant';
COMMENT ON COLUMN current_pair.kl_low IS 'Lower end of its interval over documents';

CREATE VIEW severity_curve AS
WITH within_class AS (
    SELECT d.*
    FROM pool_divergence AS d
    JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
    WHERE d.pool = d.other
)
SELECT
    c.corpus,
    c.size,
    c.variant,
    d.pool AS label,
    d.probe,
    d.severity,
    p.family,
    p.description,
    p.changed,
    p.ngram_nats,
    p.reference_nats,
    coalesce(p.is_text, FALSE) AS is_text,
    d.value AS kl,
    d.low,
    d.high,
    d.floor,
    d.entropy_share,
    d.entropy_share * d.low / nullif(d.value, 0) AS share_low,
    d.entropy_share * d.high / nullif(d.value, 0) AS share_high,
    m.js,
    m.tv,
    m.hidden,
    m.information,
    m.ensemble_gain,
    m.top1_disagreement,
    d.models,
    d.documents,
    d.effective_documents
FROM within_class AS d
JOIN model_class AS c ON c.label = d.pool AND c.is_current
LEFT JOIN current_probe AS p
    ON p.corpus = c.corpus AND p.probe = d.probe AND p.severity = d.severity
LEFT JOIN (
    SELECT
        artifact,
        severity,
        pool,
        max(value) FILTER (WHERE metric = 'js') AS js,
        max(value) FILTER (WHERE metric = 'tv') AS tv,
        max(value) FILTER (WHERE metric = 'hidden') AS hidden,
        max(value) FILTER (WHERE metric = 'information') AS information,
        max(value) FILTER (WHERE metric = 'ensemble_gain') AS ensemble_gain,
        max(value) FILTER (WHERE metric = 'top1_disagreement') AS top1_disagreement
    FROM within_class
    GROUP BY artifact, severity, pool
) AS m ON m.artifact = d.artifact AND m.severity = d.severity AND m.pool = d.pool
WHERE d.metric = 'kl'
ORDER BY d.probe, d.severity, c.parameters, d.pool;
COMMENT ON VIEW severity_curve IS 'A class on a probe at a severity, with the mean divergence between its seeds: do equally good models come apart away from the text? Grain: label, probe, severity.';
COMMENT ON COLUMN severity_curve.reference_nats IS 'Loss of the reference seeds on the scored tokens; they also write the contexts of family self-written';
COMMENT ON COLUMN severity_curve.kl IS 'Mean KL over pairs of members';
COMMENT ON COLUMN severity_curve.low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN severity_curve.floor IS 'Noise floor: mean KL of a member from itself at another batch size';
COMMENT ON COLUMN severity_curve.entropy_share IS 'kl / mean predictive entropy of the members';
COMMENT ON COLUMN severity_curve.share_low IS 'Lower end of its interval, the entropy fixed';
COMMENT ON COLUMN severity_curve.share_high IS 'Upper end of its interval, the entropy fixed';
COMMENT ON COLUMN severity_curve.js IS 'Mean Jensen-Shannon divergence over pairs, on sampled positions';
COMMENT ON COLUMN severity_curve.tv IS 'Mean total variation distance over pairs, on sampled positions';
COMMENT ON COLUMN severity_curve.hidden IS 'Half the variance of the log ratio of a pair: the difference that its losses hide';
COMMENT ON COLUMN severity_curve.information IS 'I(Y; model | x) of the class; grows with the number of members: compare equal numbers';
COMMENT ON COLUMN severity_curve.ensemble_gain IS 'Mean loss of the members minus that of their mean distribution; grows with the number of members: compare equal numbers';
COMMENT ON COLUMN severity_curve.top1_disagreement IS 'Share of tokens on which the two members of a pair rank different tokens first';
COMMENT ON COLUMN severity_curve.models IS 'Members that entered: the units of the interval';

CREATE VIEW variant_divergence AS
WITH kl AS (
    SELECT d.*
    FROM pool_divergence AS d
    JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
    WHERE d.metric = 'kl'
)
SELECT
    a.corpus,
    a.size,
    a.variant AS variant_a,
    b.variant AS variant_b,
    k.probe,
    k.severity,
    coalesce(p.is_text, FALSE) AS is_text,
    k.value AS between_kl,
    k.low AS between_low,
    k.high AS between_high,
    wa.value AS within_a_kl,
    wb.value AS within_b_kl,
    k.value / ((wa.value + wb.value) / 2) AS ratio
FROM kl AS k
JOIN model_class AS a ON a.label = least(k.pool, k.other) AND a.is_current
JOIN model_class AS b
    ON b.label = greatest(k.pool, k.other) AND b.is_current
    AND b.corpus = a.corpus AND b.size = a.size AND b.variant <> a.variant
LEFT JOIN kl AS wa
    ON wa.pool = a.label AND wa.other = a.label
    AND wa.probe = k.probe AND wa.severity = k.severity
LEFT JOIN kl AS wb
    ON wb.pool = b.label AND wb.other = b.label
    AND wb.probe = k.probe AND wb.severity = k.severity
LEFT JOIN current_probe AS p
    ON p.corpus = a.corpus AND p.probe = k.probe AND p.severity = k.severity
ORDER BY a.corpus, a.parameters, variant_a, variant_b, k.probe, k.severity;
COMMENT ON VIEW variant_divergence IS 'Two variants of a size on a probe at a severity, with the divergence between them beside that between seeds of each: does the variant matter more than the seed? Grain: corpus, size, variant_a, variant_b, probe, severity.';
COMMENT ON COLUMN variant_divergence.variant_a IS 'One variant';
COMMENT ON COLUMN variant_divergence.variant_b IS 'The other';
COMMENT ON COLUMN variant_divergence.between_kl IS 'Mean KL over pairs of one member of each, without pairs that share a seed';
COMMENT ON COLUMN variant_divergence.between_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN variant_divergence.within_a_kl IS 'Mean KL over pairs of seeds of variant_a';
COMMENT ON COLUMN variant_divergence.within_b_kl IS 'Mean KL over pairs of seeds of variant_b';
COMMENT ON COLUMN variant_divergence.ratio IS 'between_kl / mean of within_a_kl and within_b_kl';

CREATE VIEW noise_floor_summary AS
SELECT
    m.label,
    n.probe,
    n.severity,
    n.perturbation,
    count(*) AS models,
    avg(n.kl) AS mean_kl,
    max(n.kl) AS max_kl,
    min(n.top1_agreement) AS lowest_top1_agreement,
    any_value(s.kl) AS seed_kl,
    max(n.kl) / nullif(any_value(s.kl), 0) AS share_of_seed_kl
FROM noise_floor AS n
JOIN artifact AS e ON e.artifact = n.artifact AND e.is_current
JOIN current_model AS m ON m.model = n.model
LEFT JOIN severity_curve AS s
    ON s.label = m.label AND s.probe = n.probe AND s.severity = n.severity
GROUP BY m.label, n.probe, n.severity, n.perturbation
ORDER BY n.probe, n.severity, m.label;
COMMENT ON VIEW noise_floor_summary IS 'A class on a probe at a severity, with its numerical noise floor beside the divergence of its seeds: is what is measured far above rounding? Grain: label, probe, severity, perturbation.';
COMMENT ON COLUMN noise_floor_summary.models IS 'Members measured';
COMMENT ON COLUMN noise_floor_summary.mean_kl IS 'Mean KL between a member and its perturbed computation';
COMMENT ON COLUMN noise_floor_summary.max_kl IS 'Maximum of that KL over members';
COMMENT ON COLUMN noise_floor_summary.lowest_top1_agreement IS 'Smallest share of tokens with the same first-ranked token';
COMMENT ON COLUMN noise_floor_summary.seed_kl IS 'Mean KL between two seeds of the class';
COMMENT ON COLUMN noise_floor_summary.share_of_seed_kl IS 'max_kl / seed_kl: small if the divergence is far above the floor';

CREATE VIEW behaviour_anova AS
WITH component AS (
    SELECT
        p.corpus,
        p.family,
        coalesce(p.is_text, FALSE) AS is_text,
        p.ngram_nats,
        c.* EXCLUDE (artifact),
        max(c.value) FILTER (WHERE c.component = 'total') OVER (
            PARTITION BY c.artifact, c.severity, c.kind, c.ordering
        ) AS total
    FROM behaviour_component AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
    JOIN artifact_input AS i ON i.artifact = c.artifact AND i.role = 'probe'
    JOIN current_probe AS p ON p.artifact = i.input AND p.severity = c.severity
)
SELECT
    corpus,
    probe,
    severity,
    family,
    is_text,
    ngram_nats,
    kind,
    ordering,
    component,
    value AS nats,
    low AS nats_low,
    high AS nats_high,
    value / ln(2) AS bits,
    low / ln(2) AS bits_low,
    high / ln(2) AS bits_high,
    value / nullif(total, 0) AS share,
    chance_share,
    entropy_share,
    floor,
    models,
    documents,
    effective_documents
FROM component
ORDER BY corpus, probe, severity, kind, ordering, component = 'total', component;
COMMENT ON VIEW behaviour_anova IS 'A component of the differences in behaviour on a probe at a severity (mixer, size, variant or what a checkpoint is named after, seed, or both seeds where they are crossed): which choice decides what a model predicts? Grain: corpus, probe, severity, kind, ordering, component.';
COMMENT ON COLUMN behaviour_anova.kind IS 'information: I(Y; model | x); or variance: mean KL of the geometric centroid from the members';
COMMENT ON COLUMN behaviour_anova.component IS 'A factor, an interaction (factors joined by x), or total';
COMMENT ON COLUMN behaviour_anova.nats IS 'Nats per token; interactions may be negative';
COMMENT ON COLUMN behaviour_anova.nats_low IS 'Lower end of its interval over documents, the members fixed';
COMMENT ON COLUMN behaviour_anova.bits IS 'The same in bits per token';
COMMENT ON COLUMN behaviour_anova.bits_low IS 'Lower end of its interval';
COMMENT ON COLUMN behaviour_anova.share IS 'nats / that of the total';
COMMENT ON COLUMN behaviour_anova.chance_share IS 'Expected share of a factor without effect, if members differed by independent noise. Compare share with it';
COMMENT ON COLUMN behaviour_anova.entropy_share IS 'nats / entropy of the mean distribution: share of predictive uncertainty';
COMMENT ON COLUMN behaviour_anova.floor IS 'Noise floor of the total';
COMMENT ON COLUMN behaviour_anova.models IS 'Members of the full crossing that entered';
COMMENT ON COLUMN behaviour_anova.documents IS 'Documents: the units of the interval';

CREATE VIEW most_contested_contexts AS
SELECT
    p.corpus,
    d.probe,
    d.severity,
    p.family,
    coalesce(p.is_text, FALSE) AS is_text,
    d.item,
    d.position,
    d.document,
    d.context,
    d.token,
    d.first_tokens,
    d.distinct_top1,
    d.information,
    d.kl,
    d.entropy,
    d.nats,
    d.information / nullif(sum(d.information) OVER (PARTITION BY d.artifact, d.severity), 0)
        AS share_of_sample,
    d.models
FROM position_divergence AS d
JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
JOIN artifact_input AS i ON i.artifact = d.artifact AND i.role = 'probe'
JOIN current_probe AS p ON p.artifact = i.input AND p.severity = d.severity
ORDER BY d.information DESC, p.corpus, d.probe, d.severity, d.item, d.position;
COMMENT ON VIEW most_contested_contexts IS 'A sampled position with its context and the tokens that members rank first, the most disputed first: read what models disagree about. Grain: corpus, probe, severity, item, position.';
COMMENT ON COLUMN most_contested_contexts.context IS 'Last tokens before the position, as text';
COMMENT ON COLUMN most_contested_contexts.item IS 'Window';
COMMENT ON COLUMN most_contested_contexts.position IS 'Position in the window, counted from its first token';
COMMENT ON COLUMN most_contested_contexts.document IS 'Document of the window';
COMMENT ON COLUMN most_contested_contexts.information IS 'I(Y; model) over all members at this position, nats';
COMMENT ON COLUMN most_contested_contexts.kl IS 'Mean KL over ordered pairs of members, nats';
COMMENT ON COLUMN most_contested_contexts.entropy IS 'Entropy of the mean distribution, nats';
COMMENT ON COLUMN most_contested_contexts.nats IS 'Mean loss of the members on the true token';
COMMENT ON COLUMN most_contested_contexts.share_of_sample IS 'Its share of the information at all sampled positions of this probe and severity';

CREATE VIEW calibration AS
SELECT
    m.corpus,
    m.size,
    m.variant,
    m.label,
    c.model,
    c.probe,
    c.severity,
    p.family,
    coalesce(p.is_text, FALSE) AS is_text,
    sum(c.tokens * abs(c.confidence - c.accuracy)) / sum(c.tokens) AS calibration_error,
    sum(c.tokens * (c.confidence - c.accuracy)) / sum(c.tokens) AS overconfidence,
    max(abs(c.confidence - c.accuracy)) AS largest_gap,
    sum(c.tokens * c.confidence) / sum(c.tokens) AS confidence,
    sum(c.tokens * c.accuracy) / sum(c.tokens) AS accuracy,
    count(*) AS bins,
    sum(c.tokens)::BIGINT AS tokens
FROM calibration_bin AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
JOIN current_model AS m ON m.model = c.model
LEFT JOIN current_probe AS p
    ON p.corpus = m.corpus AND p.probe = c.probe AND p.severity = c.severity
WHERE c.tokens > 0
GROUP BY ALL
ORDER BY m.corpus, c.probe, c.severity, m.label, c.model;
COMMENT ON VIEW calibration IS 'A member on a probe at a severity, with its confidence and its accuracy: is it as right as it is sure, also away from the text? Grain: model, probe, severity.';
COMMENT ON COLUMN calibration.accuracy IS 'Share of tokens for which the first-ranked token is the true one';
COMMENT ON COLUMN calibration.calibration_error IS 'Expected calibration error of the first-ranked token: mean of |confidence - accuracy| over bins, by tokens; grows with fewer tokens, so compare equal numbers';
COMMENT ON COLUMN calibration.overconfidence IS 'Mean confidence minus accuracy: above 0 if overconfident';
COMMENT ON COLUMN calibration.confidence IS 'Mean probability of the first-ranked token';
COMMENT ON COLUMN calibration.largest_gap IS 'Largest |confidence - accuracy| of a bin, regardless of its number of tokens';
COMMENT ON COLUMN calibration.bins IS 'Bins with tokens';

CREATE VIEW on_the_line AS
SELECT
    p.corpus,
    l.probe,
    l.severity,
    p.family,
    p.ngram_nats,
    l.* EXCLUDE (artifact, probe, severity),
    l.residual_sd / nullif(l.residual_sd_noise, 0) AS times_noise
FROM line_fit AS l
JOIN artifact AS e ON e.artifact = l.artifact AND e.is_current
JOIN artifact_input AS i ON i.artifact = l.artifact AND i.role = 'probe'
JOIN current_probe AS p
    ON p.artifact = i.input AND p.probe = l.probe AND p.severity = l.severity
ORDER BY p.corpus, l.probe, l.severity;
COMMENT ON VIEW on_the_line IS 'A probe at a severity, with the regression of losses there on losses on text, over members: do losses on text predict losses on the probe? Grain: corpus, probe, severity.';
COMMENT ON COLUMN on_the_line.slope IS 'Nats on the probe per nat on text';
COMMENT ON COLUMN on_the_line.r2 IS 'Share of the variance of the loss on the probe that the line explains';
COMMENT ON COLUMN on_the_line.r2_low IS 'Lower end of its interval over models, documents fixed';
COMMENT ON COLUMN on_the_line.documents IS 'Documents of the probe';
COMMENT ON COLUMN on_the_line.times_noise IS 'residual_sd / residual_sd_noise: near 1 if members lie on the line within sampling error';

CREATE VIEW line_residuals AS
SELECT
    m.corpus,
    m.size,
    m.variant,
    m.label,
    r.model,
    m.seed_init,
    m.seed_order,
    r.probe,
    r.severity,
    r.text_nats,
    r.nats,
    r.residual,
    r.low,
    r.high
FROM line_residual AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
JOIN current_model AS m ON m.model = r.model
ORDER BY m.corpus, r.probe, r.severity, m.label, m.seed_init, m.seed_order;
COMMENT ON VIEW line_residuals IS 'A member on a probe at a severity, with its distance from the line of on_the_line: which member is better or worse there than its loss on text predicts? Grain: model, probe, severity.';
COMMENT ON COLUMN line_residuals.nats IS 'Loss on the probe';
COMMENT ON COLUMN line_residuals.residual IS 'nats minus the prediction of the line';
COMMENT ON COLUMN line_residuals.low IS 'Lower end of its interval over documents';

CREATE VIEW severity_trends AS
SELECT
    c.corpus,
    c.size,
    c.variant,
    t.pool AS label,
    t.probe,
    p.family,
    t.measure,
    t.trend,
    t.value,
    t.low,
    t.high,
    t.p,
    t.models,
    t.documents,
    t.effective_documents
FROM severity_trend AS t
JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
JOIN model_class AS c ON c.label = t.pool AND c.is_current
LEFT JOIN current_probe AS p ON p.corpus = c.corpus AND p.probe = t.probe AND p.severity = 0
ORDER BY c.corpus, t.probe, t.measure, t.trend, c.parameters, t.pool;
COMMENT ON VIEW severity_trends IS 'A trend over the severities of a probe in the divergence between seeds of a class: does it rise away from the text, and fall again at noise? Grain: label, probe, measure, trend.';
COMMENT ON COLUMN severity_trends.measure IS 'kl, or kl_share: kl / mean predictive entropy';
COMMENT ON COLUMN severity_trends.trend IS 'rise: value at the highest severity minus that at severity 0; fall: value at the highest severity minus the maximum over the others; slope: per nat of n-gram surprise; rank: Spearman correlation with n-gram surprise';
COMMENT ON COLUMN severity_trends.value IS 'Nats per token, or share of entropy; rank from -1 to 1';
COMMENT ON COLUMN severity_trends.low IS 'Lower end of its interval over models and documents; of rank, over documents';
COMMENT ON COLUMN severity_trends.p IS 'Two-sided; the null is 0; NULL for rank';

CREATE VIEW search_gain AS
WITH unseen AS (
    SELECT i.input AS artifact, d.severity, d.pool, d.value, d.low, d.high, d.floor, d.models
    FROM pool_divergence AS d
    JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
    JOIN artifact_input AS i ON i.artifact = d.artifact AND i.role = 'probe'
    WHERE d.pool = d.other AND d.metric = 'information'
),
step AS (
    SELECT
        p.corpus,
        p.ngram_nats,
        p.changed,
        s.*,
        u.value AS unseen,
        u.low AS unseen_low,
        u.high AS unseen_high,
        u.floor AS unseen_floor,
        u.models AS unseen_models,
        max(s.searched) FILTER (WHERE s.severity = 0) OVER whole AS searched_text,
        max(u.value) FILTER (WHERE s.severity = 0) OVER whole AS unseen_text,
        s.models = u.models AS is_even
    FROM search_step AS s
    JOIN current_probe AS p ON p.artifact = s.artifact AND p.severity = s.severity
    JOIN unseen AS u
        ON u.artifact = s.artifact AND u.severity = s.severity AND u.pool = s.pool
    WINDOW whole AS (PARTITION BY s.artifact, s.pool)
)
SELECT
    corpus,
    pool AS label,
    probe,
    severity,
    generations,
    evaluations,
    ngram_nats,
    changed,
    searched,
    low AS searched_low,
    high AS searched_high,
    searched - searched_text AS searched_gain,
    unseen,
    unseen_low,
    unseen_high,
    unseen_floor,
    unseen - unseen_text AS unseen_gain,
    CASE WHEN is_even THEN (unseen - unseen_text) / nullif(searched - searched_text, 0) END
        AS carried_over,
    models AS searched_models,
    unseen_models,
    documents,
    effective_documents
FROM step
ORDER BY corpus, probe, label, severity;
COMMENT ON VIEW search_gain IS 'A class at a generation of a search for disagreement, on the seeds that it queried and on those held out, which share no seed with them: does disagreement that was searched for carry over? Grain: label, probe, severity.';
COMMENT ON COLUMN search_gain.severity IS 'Severity: a number of generations, 0 is unchanged text';
COMMENT ON COLUMN search_gain.changed IS 'Share of context tokens that differ from the text';
COMMENT ON COLUMN search_gain.searched IS 'Information of the searched half, within the class, nats per token: biased upwards, since the search maximises its mean over classes';
COMMENT ON COLUMN search_gain.searched_low IS 'Lower end of its interval over documents, the members fixed';
COMMENT ON COLUMN search_gain.searched_gain IS 'searched minus that on text';
COMMENT ON COLUMN search_gain.unseen IS 'Information of the held-out half, within the class';
COMMENT ON COLUMN search_gain.unseen_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN search_gain.unseen_floor IS 'Noise floor of unseen';
COMMENT ON COLUMN search_gain.unseen_gain IS 'unseen minus that on text';
COMMENT ON COLUMN search_gain.carried_over IS 'unseen_gain / searched_gain: 1 if the whole gain transfers to other seeds; NULL if the halves have unequal numbers of members, since information grows with it';
COMMENT ON COLUMN search_gain.searched_models IS 'Members of the class in the searched half';
COMMENT ON COLUMN search_gain.unseen_models IS 'Members of the class in the held-out half';
