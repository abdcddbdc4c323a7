-- Views answer the questions. All show the current study only, except `lineage` and
-- `old_artifact`. Losses and divergences are in nats per token. Columns without a comment inherit
-- that of columns.sql or of their table.

CREATE VIEW reference_model AS
SELECT DISTINCT i.input AS model
FROM artifact_input AS i
JOIN artifact AS a ON a.artifact = i.artifact AND a.is_current
WHERE i.role = 'reference' OR (a.stage = 'self_written' AND i.role = 'training');
COMMENT ON VIEW reference_model IS 'A reference seed: trained like a member, but in no set and no comparison. These measure how hard the contexts of a probe are, and write contexts. Grain: model.';
COMMENT ON COLUMN reference_model.model IS 'Key';

CREATE VIEW current_model AS
SELECT
    m.model,
    m.model_class,
    concat_ws('/', m.corpus, m.size, m.variant) AS label,
    m.corpus,
    m.size,
    coalesce(m.mixer, 'attention') AS mixer,
    m.variant,
    m.gradient,
    m.gamma,
    m.seed_init,
    m.seed_order,
    m.status,
    m.parameters,
    m.training_tokens,
    m.learning_rate,
    s.nats AS select_nats,
    t.nats AS measure_nats,
    t.nats_low AS measure_low,
    t.nats_high AS measure_high,
    t.bits_per_byte AS measure_bits_per_byte,
    t.top1 AS measure_top1,
    t.documents,
    t.effective_documents,
    m.cost_seconds
FROM model AS m
JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
LEFT JOIN (
    SELECT l.* FROM model_loss AS l JOIN artifact AS e ON e.artifact = l.artifact AND e.is_current
) AS s ON s.model = m.model AND s.split = 'select'
LEFT JOIN (
    SELECT l.* FROM model_loss AS l JOIN artifact AS e ON e.artifact = l.artifact AND e.is_current
) AS t ON t.model = m.model AND t.split = 'measure'
WHERE m.method IN ('trained', 'fine-tuned', 'pretrained') AND m.model NOT IN (FROM reference_model);
COMMENT ON VIEW current_model IS 'A trained or pretrained member of the study, with its class, seeds, losses and cost: the list of models, and the table to join for their names. Reference seeds are excluded. Grain: model.';
COMMENT ON COLUMN current_model.model_class IS 'Its class';
COMMENT ON COLUMN current_model.mixer IS 'What carries information between its positions: attention or recurrent';
COMMENT ON COLUMN current_model.gamma IS 'Of discount: factor on the gradient per position back; NULL for other gradients';
COMMENT ON COLUMN current_model.learning_rate IS 'Peak learning rate';
COMMENT ON COLUMN current_model.measure_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN current_model.measure_bits_per_byte IS 'The measure loss in bits per byte';
COMMENT ON COLUMN current_model.measure_top1 IS 'Share of measure tokens that it ranks first';
COMMENT ON COLUMN current_model.documents IS 'Documents of the measure split';
COMMENT ON COLUMN current_model.cost_seconds IS 'Seconds its training took';

CREATE VIEW tuning_summary AS
WITH rate AS (
    SELECT
        t.corpus,
        t.size,
        t.variant,
        t.learning_rate,
        avg(t.select_nats) AS nats,
        stddev_samp(t.select_nats) AS sd_nats,
        count(*) AS trials,
        count(*) FILTER (WHERE t.status <> 'trained') AS failed,
        bool_or(t.is_chosen) AS is_chosen
    FROM tuning AS t
    JOIN artifact AS a ON a.artifact = t.artifact AND a.is_current
    GROUP BY t.corpus, t.size, t.variant, t.learning_rate
)
SELECT
    concat_ws('/', corpus, size, variant) AS label,
    *,
    nats - min(nats) FILTER (WHERE is_chosen) OVER arm AS excess_nats,
    CASE
        WHEN NOT is_chosen THEN NULL
        WHEN learning_rate = min(learning_rate) OVER arm THEN 'lowest'
        WHEN learning_rate = max(learning_rate) OVER arm THEN 'highest'
    END AS edge
FROM rate
WINDOW arm AS (PARTITION BY corpus, size, variant)
ORDER BY corpus, size, variant, learning_rate;
COMMENT ON VIEW tuning_summary IS 'A learning rate tried for a class with a tuned rate, with the mean loss of its trials: was the best rate inside the grid? Grain: corpus, size, variant, learning_rate.';
COMMENT ON COLUMN tuning_summary.learning_rate IS 'Peak learning rate of the trial';
COMMENT ON COLUMN tuning_summary.nats IS 'Mean loss on the select split over trials that did not fail';
COMMENT ON COLUMN tuning_summary.sd_nats IS 'Standard deviation of that loss over trials';
COMMENT ON COLUMN tuning_summary.trials IS 'Trials, one for each pair of seeds, including failed ones';
COMMENT ON COLUMN tuning_summary.failed IS 'Trials that failed; a rate with one is never chosen';
COMMENT ON COLUMN tuning_summary.is_chosen IS 'Whether the members of the class are trained at this rate';
COMMENT ON COLUMN tuning_summary.excess_nats IS 'nats minus that of the chosen rate';
COMMENT ON COLUMN tuning_summary.edge IS 'lowest or highest if the chosen rate is an end of the grid and a better one may lie beyond; otherwise NULL';

CREATE VIEW leaderboard AS
SELECT
    corpus,
    size,
    variant,
    any_value(parameters) AS parameters,
    count(*) FILTER (WHERE status = 'trained') AS models,
    count(*) FILTER (WHERE status <> 'trained') AS failed,
    avg(measure_nats ORDER BY model) FILTER (WHERE status = 'trained') AS nats,
    avg(measure_low ORDER BY model) FILTER (WHERE status = 'trained') AS nats_low,
    avg(measure_high ORDER BY model) FILTER (WHERE status = 'trained') AS nats_high,
    stddev_samp(measure_nats ORDER BY model) FILTER (WHERE status = 'trained') AS sd_nats,
    min(measure_nats) FILTER (WHERE status = 'trained') AS best_nats,
    max(measure_nats) FILTER (WHERE status = 'trained') AS worst_nats,
    avg(measure_bits_per_byte ORDER BY model) FILTER (WHERE status = 'trained') AS bits_per_byte,
    avg(measure_top1 ORDER BY model) FILTER (WHERE status = 'trained') AS top1,
    max(documents) AS documents,
    max(effective_documents) AS effective_documents,
    arg_min(model, measure_nats) FILTER (WHERE status = 'trained') AS best_model
FROM current_model
GROUP BY corpus, size, variant
ORDER BY corpus, nats;
COMMENT ON VIEW leaderboard IS 'A class, with the mean loss of its members on the measure split and its spread over seeds: which classes are best, and do their losses overlap? Grain: corpus, size, variant.';
COMMENT ON COLUMN leaderboard.models IS 'Trained members: mean and spread are over these';
COMMENT ON COLUMN leaderboard.failed IS 'Members with a failed training run; excluded from all other columns';
COMMENT ON COLUMN leaderboard.nats IS 'Mean loss over members';
COMMENT ON COLUMN leaderboard.documents IS 'Documents of the measure split';
COMMENT ON COLUMN leaderboard.nats_low IS 'Mean of the lower ends of the members'' intervals over documents; the interval of the mean is at most as wide';
COMMENT ON COLUMN leaderboard.nats_high IS 'Mean of the upper ends';
COMMENT ON COLUMN leaderboard.sd_nats IS 'Standard deviation over members';
COMMENT ON COLUMN leaderboard.best_nats IS 'Loss of the best member; falls with the number of members';
COMMENT ON COLUMN leaderboard.worst_nats IS 'Loss of the worst member';
COMMENT ON COLUMN leaderboard.bits_per_byte IS 'Mean loss over members, bits per byte';
COMMENT ON COLUMN leaderboard.top1 IS 'Mean share of tokens ranked first';
COMMENT ON COLUMN leaderboard.best_model IS 'Member with the lowest loss';

CREATE VIEW myopia_by_position AS
SELECT g.* EXCLUDE (artifact, is_total)
FROM myopia_gap AS g
JOIN artifact AS e ON e.artifact = g.artifact AND e.is_current
WHERE NOT g.is_total
ORDER BY g.corpus, g.size, g.baseline, g.variant, g.position_low;
COMMENT ON VIEW myopia_by_position IS 'A variant against its baseline on a bucket of positions: where in the window do gradients from later positions pay? Grain: corpus, size, baseline, variant, split, position_low.';
COMMENT ON COLUMN myopia_by_position.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_by_position.p IS 'Two-sided; the null is gap = 0';

CREATE VIEW myopia_total AS
SELECT g.* EXCLUDE (artifact, is_total, position_low, position_high)
FROM myopia_gap AS g
JOIN artifact AS e ON e.artifact = g.artifact AND e.is_current
WHERE g.is_total
ORDER BY g.corpus, g.size, g.baseline, g.variant;
COMMENT ON VIEW myopia_total IS 'A variant against its baseline at a size, over all positions: what does it cost that no gradient reaches earlier positions? Grain: corpus, size, baseline, variant, split.';
COMMENT ON COLUMN myopia_total.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_total.p IS 'Two-sided; the null is gap = 0';

CREATE VIEW arms AS
SELECT
    m.corpus,
    m.size,
    m.arm,
    m.is_ngram,
    m.gradient,
    m.gamma,
    m.nats,
    m.nats_low,
    m.nats_high,
    m.gap,
    m.gap_low,
    m.gap_high,
    m.models,
    m.seeds,
    m.documents,
    m.effective_documents,
    c.learning_rate,
    s.parameters
FROM myopia_arm AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
LEFT JOIN (
    SELECT corpus, size, variant, max(learning_rate) AS learning_rate
    FROM current_model
    GROUP BY corpus, size, variant
) AS c ON c.corpus = m.corpus AND c.size = m.size AND c.variant = m.arm AND NOT m.is_ngram
LEFT JOIN (
    SELECT corpus, size, max(parameters) AS parameters FROM current_model GROUP BY corpus, size
) AS s ON s.corpus = m.corpus AND s.size = m.size
ORDER BY m.corpus, s.parameters, m.size, m.nats;
COMMENT ON VIEW arms IS 'An arm of the myopia comparison (a variant, a transformer that sees no past, or n-gram counts) at a size, with its loss above the causal variant: how much of the loss does each restriction cost? Grain: corpus, size, arm.';
COMMENT ON COLUMN arms.arm IS 'Name of the variant, or unigram or bigram for n-gram counts of the train split';
COMMENT ON COLUMN arms.size IS 'Name of the size; n-gram baselines have a row for each';
COMMENT ON COLUMN arms.gradient IS 'Gradient flow of the variant; NULL for n-gram baselines';
COMMENT ON COLUMN arms.gamma IS 'Factor on the gradient per position back: 1 for causal, 0 for myopic, NULL without one';
COMMENT ON COLUMN arms.nats IS 'Mean loss over members';
COMMENT ON COLUMN arms.nats_low IS 'Lower end of its interval over members and documents; of an n-gram baseline, over documents';
COMMENT ON COLUMN arms.gap IS 'Loss minus that of the causal variant, paired over seeds';
COMMENT ON COLUMN arms.gap_low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN arms.models IS 'Members; NULL for n-gram baselines';
COMMENT ON COLUMN arms.seeds IS 'Causal members that the gap is relative to; 0 for the causal variant itself';
COMMENT ON COLUMN arms.learning_rate IS 'Peak learning rate, fixed or tuned; NULL for n-gram baselines';
COMMENT ON COLUMN arms.parameters IS 'Weights of a member of this size';

CREATE VIEW myopia_parts AS
SELECT m.* EXCLUDE (artifact)
FROM myopia_part AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
ORDER BY m.corpus, m.size, m.local, m.myopic, m.part;
COMMENT ON VIEW myopia_parts IS 'A part of the myopia gap at a size, local malus or local bonus: is the loss due to earlier positions that serve later ones less, or is some of it won back by a better local fit? Grain: corpus, size, local, myopic, part.';
COMMENT ON COLUMN myopia_parts.part IS 'bonus: possible gain of the past''s own predictions; malus: loss of myopic from worse earlier positions; gap = malus - bonus';
COMMENT ON COLUMN myopia_parts.nats IS 'Mean over shared seeds';
COMMENT ON COLUMN myopia_parts.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_parts.p IS 'Two-sided; the null is 0';
COMMENT ON COLUMN myopia_parts.seeds IS 'Seeds that all three variants share';

CREATE VIEW myopia_by_tokens AS
SELECT m.* EXCLUDE (artifact)
FROM myopia_curve AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
ORDER BY m.corpus, m.size, m.baseline, m.variant, m.step;
COMMENT ON VIEW myopia_by_tokens IS 'A variant against its baseline at a step of training, on the select split: does the gap close with more tokens? Grain: corpus, size, baseline, variant, step.';
COMMENT ON COLUMN myopia_by_tokens.tokens IS 'Tokens trained on so far';
COMMENT ON COLUMN myopia_by_tokens.low IS 'Lower end of its interval over seeds; the windows are fixed';

CREATE VIEW planning_horizon AS
SELECT m.* EXCLUDE (artifact)
FROM myopia_horizon AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
ORDER BY m.corpus, m.size;
COMMENT ON VIEW planning_horizon IS 'A size with the distance over which gradients must flow to recover half of the myopia gap: how far ahead does training plan? Grain: corpus, size.';
COMMENT ON COLUMN planning_horizon.baseline IS 'The causal variant';
COMMENT ON COLUMN planning_horizon.gap IS 'Gap at gamma = 0';
COMMENT ON COLUMN planning_horizon.seeds IS 'Seeds that all variants share';

CREATE VIEW gradient_share AS
WITH class AS (
    SELECT
        m.corpus,
        m.size,
        m.variant,
        g.level,
        g.weights,
        g.gamma,
        avg(g.projection) AS projection,
        stddev_samp(g.projection) AS sd,
        avg(g.norm) AS norm,
        avg(g.rest_norm) AS rest_norm,
        avg(g.whole_norm) AS whole_norm,
        avg(g.cosine) AS cosine,
        avg(g.rest_cosine) AS rest_cosine,
        count(g.projection) AS models,
        -- Crossed members share seeds, and a mean over them has no interval here.
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent,
        any_value(g.windows) AS windows
    FROM myopia_gradient AS g
    JOIN artifact AS e ON e.artifact = g.artifact AND e.is_current
    JOIN current_model AS m ON m.model = g.model
    GROUP BY m.corpus, m.size, m.variant, g.level, g.weights, g.gamma
)
SELECT
    corpus,
    size,
    variant,
    level,
    weights,
    gamma,
    CASE WHEN gamma < 1 THEN 1 / (1 - gamma) END AS distance,
    projection,
    projection - half_width * sd AS low,
    projection + half_width * sd AS high,
    1 - projection AS rest,
    norm,
    rest_norm,
    whole_norm,
    cosine,
    rest_cosine,
    models,
    windows
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, level, weights, gamma;
COMMENT ON VIEW gradient_share IS 'A group of weights of a class with the share of its gradient that comes from losses within a distance: how much of training serves later positions? At gamma = 0 it is the share that serves the present position. Grain: corpus, size, variant, level, weights, gamma.';
COMMENT ON COLUMN gradient_share.level IS 'mean (gradient of the mean loss over all windows) or window (gradient of one window at a time)';
COMMENT ON COLUMN gradient_share.weights IS 'Weight group: W_E, W_pos, W_Q, W_K, W_V, W_O, W_in, W_out, W_U (over all layers), norms or all';
COMMENT ON COLUMN gradient_share.gamma IS 'Discount: gradients from losses k positions later are scaled by gamma^k';
COMMENT ON COLUMN gradient_share.distance IS 'Reach in positions, 1 / (1 - gamma); NULL for the full gradient';
COMMENT ON COLUMN gradient_share.projection IS 'Projection of the discounted on the full gradient / squared norm of the full; may leave 0 to 1';
COMMENT ON COLUMN gradient_share.low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN gradient_share.rest IS '1 - projection: the share from beyond the distance; at gamma = 0, from later positions';
COMMENT ON COLUMN gradient_share.norm IS 'Mean norm of the discounted gradient';
COMMENT ON COLUMN gradient_share.rest_norm IS 'Mean norm of the full minus the discounted gradient';
COMMENT ON COLUMN gradient_share.whole_norm IS 'Mean norm of the full gradient';
COMMENT ON COLUMN gradient_share.cosine IS 'Mean cosine of the discounted and the full gradient';
COMMENT ON COLUMN gradient_share.rest_cosine IS 'Mean cosine of the discounted gradient and the rest: of present and future at gamma = 0';
COMMENT ON COLUMN gradient_share.models IS 'Members: the units of the interval';
COMMENT ON COLUMN gradient_share.windows IS 'Windows of the train split';

CREATE VIEW tested_claims AS
WITH current AS (
    SELECT c.*, a.stage
    FROM contrast AS c
    JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current
    WHERE NOT c.is_copy
),
claims AS (
    SELECT
        coalesce(c.claim, p.claim) AS claim,
        coalesce(c.corpus, p.corpus) AS corpus,
        coalesce(c.subject, p.subject) AS subject,
        coalesce(c.baseline, p.baseline) AS baseline,
        coalesce(c.within, p.within) AS within,
        c.within_baseline,
        coalesce(c.probe, p.probe) AS probe,
        coalesce(c.severity, p.severity) AS severity,
        c.stage,
        CASE
            WHEN p.rank IS NULL OR p.exploratory IS NOT NULL THEN 'exploratory' ELSE 'primary'
        END AS kind,
        p.exploratory AS because,
        p.rank,
        c.estimate,
        c.low,
        c.high,
        c.p,
        c.q,
        greatest(abs(c.low), abs(c.high)) AS at_most,
        c.degrees,
        c.detectable,
        c.inits,
        c.orders,
        c.documents,
        c.effective_documents,
        c.artifact
    FROM current AS c
    FULL JOIN primary_claim AS p ON p.claim = c.claim
        AND p.corpus = c.corpus
        AND p.subject = c.subject
        AND p.baseline = c.baseline
        AND p.within = c.within
        AND p.probe IS NOT DISTINCT FROM c.probe
        AND p.severity IS NOT DISTINCT FROM c.severity
)
SELECT
    CASE claim
        WHEN 'gap' THEN
            format('myopia gap: {} minus {}, {}/{}', subject, baseline, corpus, within)
        WHEN 'gap_by_size' THEN format(
            'myopia gap, {} minus {}, {}: {} minus {}',
            within, within_baseline, corpus, subject, baseline
        )
        WHEN 'gap_beyond_control' THEN format(
            'myopia gap, {} minus {}, {}/{}: minus that of the control {}',
            within, coalesce(within_baseline, 'its baseline'), corpus, subject, baseline
        )
        WHEN 'bonus' THEN
            format('local myopia bonus: {} minus {}, {}/{}', subject, baseline, corpus, within)
        WHEN 'malus' THEN
            format('local myopia malus: {} minus {}, {}/{}', subject, baseline, corpus, within)
        WHEN 'beyond_seeds' THEN format(
            'KL between {} and {} minus KL within them, {}/{}, probe {}, severity {}',
            baseline, subject, corpus, within, probe, severity
        )
        WHEN 'spread' THEN format(
            'log ratio of KL within {0}/{1}/{3} to KL within {0}/{2}/{3}, probe {4}, severity {5}',
            corpus, subject, baseline, within, probe, severity
        )
        WHEN 'share' THEN format(
            'share under one loss: {0}/{1}/{3} minus {0}/{2}/{3}',
            corpus, subject, baseline, within
        )
        WHEN 'volume' THEN format(
            'log volume per weight: {0}/{1}/{3} minus {0}/{2}/{3}',
            corpus, subject, baseline, within
        )
        WHEN 'headroom' THEN format(
            'ensemble gain of {0}/{2}/{3} minus its headroom to {0}/{1}/{3}',
            corpus, subject, baseline, within
        )
        WHEN 'rise' THEN format(
            'KL per nat of entropy: severity {} minus severity 0, {}/{}/{}, probe {}',
            severity, corpus, subject, within, probe
        )
        WHEN 'fall' THEN format(
            'KL per nat of entropy: severity {} minus the maximum of the others, {}/{}/{}, probe {}',
            severity, corpus, subject, within, probe
        )
    END AS contrast,
    *
FROM claims
ORDER BY rank NULLS LAST, p, contrast;
COMMENT ON VIEW tested_claims IS 'A claim with its estimate, interval and corrected p, primary claims first, null results included: what did the study establish? Grain: artifact, claim, corpus, subject, baseline, within, within_baseline, probe, severity.';
COMMENT ON COLUMN tested_claims.contrast IS 'The claim as a sentence';
COMMENT ON COLUMN tested_claims.stage IS 'The analysis that tested it; NULL, like its numbers, for a claim left untested because members failed';
COMMENT ON COLUMN tested_claims.kind IS 'primary (named before the run) or exploratory';
COMMENT ON COLUMN tested_claims.because IS 'Why a named claim is exploratory; NULL for all others';
COMMENT ON COLUMN tested_claims.rank IS 'Position of a primary claim in the list of the configuration';
COMMENT ON COLUMN tested_claims.baseline IS 'Variant or size it is compared with; NULL for a trend over severities';
COMMENT ON COLUMN tested_claims.low IS 'Lower end of its interval';
COMMENT ON COLUMN tested_claims.p IS 'Two-sided p';
COMMENT ON COLUMN tested_claims.at_most IS 'Equivalence bound: with the confidence of the interval, the effect is no larger than this in either direction';
COMMENT ON COLUMN tested_claims.degrees IS 'Degrees of freedom of its error over members';
COMMENT ON COLUMN tested_claims.detectable IS 'Power: the true effect whose interval excludes 0 in 80% of studies with these errors, before correction';
COMMENT ON COLUMN tested_claims.inits IS 'Seeds of initial weights of the members on one side';
COMMENT ON COLUMN tested_claims.orders IS 'Seeds of data order of the members on one side';
COMMENT ON COLUMN tested_claims.artifact IS 'Artifact of the analysis';

CREATE VIEW lineage AS
WITH RECURSIVE walk AS (
    SELECT artifact, input AS ancestor, 1 AS distance FROM artifact_input
    UNION
    SELECT w.artifact, i.input, w.distance + 1
    FROM walk AS w
    JOIN artifact_input AS i ON i.artifact = w.ancestor
)
SELECT
    a.artifact,
    a.stage,
    a.label,
    a.is_current,
    w.ancestor,
    b.stage AS ancestor_stage,
    b.label AS ancestor_label,
    min(w.distance) AS distance
FROM walk AS w
JOIN artifact AS a ON a.artifact = w.artifact
LEFT JOIN artifact AS b ON b.artifact = w.ancestor
GROUP BY ALL;
COMMENT ON VIEW lineage IS 'An artifact and one of its inputs, direct or indirect: everything that a number depends on, of current and old artifacts. Grain: artifact, ancestor.';
COMMENT ON COLUMN lineage.artifact IS 'Artifact that was made';
COMMENT ON COLUMN lineage.stage IS 'Its stage';
COMMENT ON COLUMN lineage.label IS 'Its label';
COMMENT ON COLUMN lineage.is_current IS 'Whether the current study uses it';
COMMENT ON COLUMN lineage.ancestor IS 'Direct or indirect input';
COMMENT ON COLUMN lineage.ancestor_stage IS 'Stage of the ancestor; NULL if it was deleted';
COMMENT ON COLUMN lineage.ancestor_label IS 'Label of the ancestor';
COMMENT ON COLUMN lineage.distance IS 'Steps between the two, along the shortest path';

CREATE VIEW stage_cost AS
SELECT
    stage,
    count(*) AS artifacts,
    sum(wall_seconds) AS wall_seconds,
    sum(cpu_seconds) AS cpu_seconds,
    max(peak_memory_bytes) AS peak_memory_bytes,
    sum(payload_bytes) AS payload_bytes
FROM artifact
WHERE is_current
GROUP BY stage
ORDER BY wall_seconds DESC;
COMMENT ON VIEW stage_cost IS 'A stage with its seconds, memory and disk, summed over its artifacts: where did the time go? Grain: stage.';
COMMENT ON COLUMN stage_cost.stage IS 'Stage';
COMMENT ON COLUMN stage_cost.artifacts IS 'Artifacts of the stage';
COMMENT ON COLUMN stage_cost.wall_seconds IS 'Wall-clock seconds, summed over artifacts (they may have run in parallel)';
COMMENT ON COLUMN stage_cost.cpu_seconds IS 'Processor seconds, summed';
COMMENT ON COLUMN stage_cost.peak_memory_bytes IS 'Peak resident memory, maximum over artifacts';
COMMENT ON COLUMN stage_cost.payload_bytes IS 'Bytes of payload, summed';

CREATE VIEW text_corpus AS
SELECT c.corpus
FROM corpus AS c
JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
QUALIFY c.kind <> 'process' OR bool_and(c.kind = 'process') OVER ();
COMMENT ON VIEW text_corpus IS 'A corpus of real text, or any corpus if none is text: the ones that tables and figures show first. Grain: corpus.';

CREATE VIEW old_artifact AS
SELECT artifact, stage, label, created, wall_seconds, payload_bytes
FROM artifact
WHERE NOT is_current
ORDER BY stage, created;
COMMENT ON VIEW old_artifact IS 'An artifact that the study does not use, with the disk space that deleting it would free. Grain: artifact.';
COMMENT ON COLUMN old_artifact.artifact IS 'Key';
COMMENT ON COLUMN old_artifact.stage IS 'Stage';
COMMENT ON COLUMN old_artifact.label IS 'Readable name when it was made';
COMMENT ON COLUMN old_artifact.wall_seconds IS 'Seconds it took';
COMMENT ON COLUMN old_artifact.payload_bytes IS 'Bytes of its payload: the space that deleting it would free';
