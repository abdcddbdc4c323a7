CREATE VIEW reading_by_dimension AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.mixer,
        m.variant,
        s.latent,
        s.site,
        s.probe,
        s.control,
        s.is_whole,
        -- The last component with any variance is another one in each member.
        CASE WHEN s.is_whole THEN NULL ELSE s.components END AS components,
        avg(s.components) AS mean_components,
        avg(s.r2) AS r2,
        stddev_samp(s.r2) AS sd,
        count(s.r2) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent,
        min(s.documents) AS documents,
        min(s.effective_documents) AS effective_documents
    FROM state_reading AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    JOIN current_model AS m ON m.model = s.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    mixer,
    variant,
    latent,
    site,
    probe,
    control,
    components,
    is_whole,
    mean_components,
    r2,
    r2 - half_width * sd AS r2_low,
    CASE WHEN n IS NOT NULL THEN least(r2 + half_width * sd, 1) END AS r2_high,
    models,
    documents,
    effective_documents
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, latent, control, probe, site, is_whole, components;
COMMENT ON VIEW reading_by_dimension IS 'A class at a site, with how well an exact posterior is read from so many principal components: is a recurrent state easier to read than a residual stream of equal dimension? Grain: corpus, size, variant, latent, site, probe, control, components, is_whole.';
COMMENT ON COLUMN reading_by_dimension.latent IS 'Latent variable of the posterior';
COMMENT ON COLUMN reading_by_dimension.site IS 'What is read: residual, streams, read-out, state, or tokens for a control';
COMMENT ON COLUMN reading_by_dimension.probe IS 'ridge or mlp';
COMMENT ON COLUMN reading_by_dimension.control IS 'none: the members. Controls: untrained, shuffled and last-letters';
COMMENT ON COLUMN reading_by_dimension.components IS 'Principal components that the fit uses; NULL for all of them';
COMMENT ON COLUMN reading_by_dimension.mean_components IS 'The same, with the mean number of those with any variance for all of them';
COMMENT ON COLUMN reading_by_dimension.r2 IS 'Share of the variance explained on held-out documents, mean over members';
COMMENT ON COLUMN reading_by_dimension.r2_low IS 'Lower end of its t interval over members, NULL for a single one';

CREATE VIEW patch_efficacy AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        s.position,
        s.scope,
        s.layer,
        s.head,
        avg(s.efficacy) AS efficacy,
        stddev_samp(s.efficacy) AS sd,
        avg(s.unedited_nats) AS unedited_nats,
        avg(s.edited_nats) AS edited_nats,
        count(s.efficacy) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM state_patch AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    JOIN current_model AS m ON m.model = s.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    position,
    scope,
    layer,
    head,
    efficacy,
    efficacy - half_width * sd AS efficacy_low,
    efficacy + half_width * sd AS efficacy_high,
    unedited_nats,
    edited_nats,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, position, scope, layer, head;
COMMENT ON VIEW patch_efficacy IS 'A class and an edit of its states, with how far predictions follow the other document: what carries the belief? Grain: corpus, size, variant, position, scope, layer, head.';
COMMENT ON COLUMN patch_efficacy.position IS 'Position after which the states are edited';
COMMENT ON COLUMN patch_efficacy.layer IS 'Block, from 0; NULL for edits of all blocks';
COMMENT ON COLUMN patch_efficacy.head IS 'Head, from 0; NULL for edits of all heads';
COMMENT ON COLUMN patch_efficacy.efficacy IS '1 - edited_nats / unedited_nats, mean over members';
COMMENT ON COLUMN patch_efficacy.efficacy_low IS 'Lower end of its t interval over members, NULL for a single one';

CREATE VIEW write_effect_by_layer AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        w.layer,
        w.distance,
        w.is_last,
        avg(w.r2) AS r2,
        stddev_samp(w.r2) AS sd,
        avg(w.cosine) AS cosine,
        avg(w.rms) AS rms,
        count(w.r2) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM write_effect AS w
    JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
    JOIN current_model AS m ON m.model = w.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    layer,
    distance,
    is_last,
    r2,
    r2 - half_width * sd AS r2_low,
    CASE WHEN n IS NOT NULL THEN least(r2 + half_width * sd, 1) END AS r2_high,
    cosine,
    rms,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, layer, distance;
COMMENT ON VIEW write_effect_by_layer IS 'A class and a block, with how well a closed form predicts the shift of logits by the deletion of one write. Grain: corpus, size, variant, layer, distance.';
COMMENT ON COLUMN write_effect_by_layer.layer IS 'Block that wrote, from 0';
COMMENT ON COLUMN write_effect_by_layer.distance IS 'Tokens from the deleted write to the prediction';
COMMENT ON COLUMN write_effect_by_layer.r2 IS 'Share of the squared measured shift that the closed form explains, mean over members';
COMMENT ON COLUMN write_effect_by_layer.rms IS 'Root mean square of the measured shift, mean over members';
COMMENT ON COLUMN write_effect_by_layer.cosine IS 'Cosine of the two shifts, mean over members';
COMMENT ON COLUMN write_effect_by_layer.r2_low IS 'Lower end of its t interval over members, NULL for a single one';

CREATE VIEW state_summary AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    s.layer,
    avg(s.half_life) AS half_life,
    min(s.half_life) AS shortest,
    max(s.half_life) AS longest,
    avg(s.stable_rank) AS stable_rank,
    any_value(s.keys) AS keys,
    avg(s.rms) AS rms,
    count(DISTINCT s.model) AS models
FROM state_statistic AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN current_model AS m ON m.model = s.model
GROUP BY m.label, m.corpus, m.size, m.variant, s.layer
ORDER BY m.label, s.layer;
COMMENT ON VIEW state_summary IS 'A class and a block, with the half-lives of its heads and the ranks of their states. Grain: corpus, size, variant, layer.';
COMMENT ON COLUMN state_summary.layer IS 'Block, from 0';
COMMENT ON COLUMN state_summary.half_life IS 'Median half-life in tokens, mean over heads and members';
COMMENT ON COLUMN state_summary.shortest IS 'Of a head of a member';
COMMENT ON COLUMN state_summary.longest IS 'Of a head of a member';
COMMENT ON COLUMN state_summary.stable_rank IS 'Mean over heads and members';
COMMENT ON COLUMN state_summary.rms IS 'Root mean square of an entry of the state, mean over heads and members';

CREATE VIEW mixer_comparison AS
WITH class AS (
    SELECT
        corpus,
        size,
        mixer,
        variant,
        avg(measure_nats) AS nats,
        stddev_samp(measure_nats) AS sd,
        any_value(parameters) AS parameters,
        any_value(training_tokens) AS training_tokens,
        any_value(learning_rate) AS learning_rate,
        count(measure_nats) AS models,
        greatest(count(DISTINCT seed_init), count(DISTINCT seed_order)) AS independent
    FROM current_model
    WHERE status = 'trained'
    GROUP BY ALL
)
SELECT
    corpus,
    size,
    mixer,
    variant,
    nats,
    nats - half_width * sd AS nats_low,
    nats + half_width * sd AS nats_high,
    parameters,
    parameters / max(parameters) FILTER (WHERE mixer = 'attention') OVER (PARTITION BY corpus)
        AS parameters_ratio,
    training_tokens,
    learning_rate,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, variant, mixer, size;
COMMENT ON VIEW mixer_comparison IS 'A class with its mixer, loss, weights and learning rate: does a recurrence predict better or worse than attention with as many weights, on as many tokens? Grain: corpus, size, variant.';
COMMENT ON COLUMN mixer_comparison.nats IS 'Loss on the measure split, mean over members, nats per token';
COMMENT ON COLUMN mixer_comparison.nats_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN mixer_comparison.parameters_ratio IS 'Weights over those of the largest attention members on the corpus';
COMMENT ON COLUMN mixer_comparison.learning_rate IS 'Peak learning rate';
