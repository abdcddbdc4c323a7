CREATE VIEW belief_by_layer AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        b.latent,
        b.layer,
        b.control,
        avg(b.r2) AS r2,
        stddev_samp(b.r2) AS sd,
        min(b.r2) AS r2_lowest,
        max(b.r2) AS r2_highest,
        avg(b.r2_low) AS documents_low,
        avg(b.r2_high) AS documents_high,
        avg(b.rmse) AS rmse,
        count(b.r2) AS models,
        -- Crossed members share seeds, and a mean over them has no interval here.
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM belief_fit AS b
    JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
    JOIN current_model AS m ON m.model = b.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    latent,
    layer,
    control,
    r2,
    -- These controls use no model and are equal for all members: their interval is over documents.
    CASE WHEN control LIKE '%last-letters' THEN documents_low ELSE r2 - half_width * sd END AS r2_low,
    -- least(NULL, 1) is 1, and a single member has no upper end.
    CASE
        WHEN control LIKE '%last-letters' THEN documents_high
        WHEN n IS NOT NULL THEN least(r2 + half_width * sd, 1)
    END AS r2_high,
    r2_lowest,
    r2_highest,
    rmse,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, latent, control, layer;
COMMENT ON VIEW belief_by_layer IS 'A class at a layer, with how well an exact posterior is linearly decodable from the residual stream, beside controls: where is the belief represented? Grain: corpus, size, variant, latent, layer, control.';
COMMENT ON COLUMN belief_by_layer.latent IS 'Latent variable of the posterior';
COMMENT ON COLUMN belief_by_layer.control IS 'none: the members. Controls without them: untrained, shuffled, last-letters and premise+last-letters';
COMMENT ON COLUMN belief_by_layer.r2 IS 'Share of the variance explained on held-out documents, mean over members';
COMMENT ON COLUMN belief_by_layer.r2_low IS 'Lower end of its t interval over members, NULL for a single one; over documents for controls without a model';
COMMENT ON COLUMN belief_by_layer.r2_lowest IS 'Lowest r2 of a member';
COMMENT ON COLUMN belief_by_layer.r2_highest IS 'Highest r2 of a member';
COMMENT ON COLUMN belief_by_layer.rmse IS 'Root of the mean squared error of a probability, mean over members';

CREATE VIEW speculation_by_variant AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        s.layer,
        s.ahead,
        s.control,
        avg(s.efficiency) AS efficiency,
        stddev_samp(s.efficiency) AS sd,
        min(s.efficiency) AS efficiency_lowest,
        max(s.efficiency) AS efficiency_highest,
        avg(s.nats) AS nats,
        avg(s.marginal) AS marginal,
        avg(s.exact) AS exact,
        count(s.efficiency) AS models,
        -- Crossed members share seeds, and a mean over them has no interval here.
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM speculation AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    JOIN current_model AS m ON m.model = s.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    layer,
    ahead,
    control,
    efficiency,
    efficiency - half_width * sd AS efficiency_low,
    efficiency + half_width * sd AS efficiency_high,
    efficiency_lowest,
    efficiency_highest,
    nats,
    marginal,
    exact,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, control, ahead, layer;
COMMENT ON VIEW speculation_by_variant IS 'A class at a layer, with how well tokens some steps ahead are linearly decodable: how much of the predictable future is computed in advance? Grain: corpus, size, variant, layer, ahead, control.';
COMMENT ON COLUMN speculation_by_variant.efficiency IS '(marginal - nats) / (marginal - exact), mean over members: the share of the possible gain; NULL if no gain is possible';
COMMENT ON COLUMN speculation_by_variant.efficiency_low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN speculation_by_variant.efficiency_lowest IS 'Lowest efficiency of a member';
COMMENT ON COLUMN speculation_by_variant.efficiency_highest IS 'Highest efficiency of a member';
COMMENT ON COLUMN speculation_by_variant.nats IS 'Loss of the linear map, nats per token, mean over members';
COMMENT ON COLUMN speculation_by_variant.marginal IS 'Loss of the token frequencies on the same tokens';
COMMENT ON COLUMN speculation_by_variant.exact IS 'Loss of the exact predictor on the same tokens';

CREATE VIEW speculation_auc_by_variant AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        a.site,
        a.layer,
        a.control,
        avg(a.auc) AS auc,
        stddev_samp(a.auc) AS sd,
        min(a.auc) AS auc_lowest,
        max(a.auc) AS auc_highest,
        count(a.auc) AS models,
        -- Crossed members share seeds, and a mean over them has no interval here.
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM speculation_auc AS a
    JOIN artifact AS e ON e.artifact = a.artifact AND e.is_current
    JOIN current_model AS m ON m.model = a.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    site,
    layer,
    control,
    auc,
    CASE WHEN n IS NOT NULL THEN greatest(auc - half_width * sd, 0) END AS auc_low,
    CASE WHEN n IS NOT NULL THEN least(auc + half_width * sd, 1) END AS auc_high,
    auc_lowest,
    auc_highest,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, control, site, layer;
COMMENT ON VIEW speculation_auc_by_variant IS 'A class at a layer, with how well it is decodable whether the last pair counts: is binding done before the question? In the control process the second digit alone decides. Grain: corpus, size, variant, site, layer, control.';
COMMENT ON COLUMN speculation_auc_by_variant.site IS 'b: at the second digit of the pair. next: one token later';
COMMENT ON COLUMN speculation_auc_by_variant.auc IS 'Area under the ROC curve on held-out documents, mean over members: 0.5 is chance';
COMMENT ON COLUMN speculation_auc_by_variant.auc_low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN speculation_auc_by_variant.auc_lowest IS 'Lowest AUC of a member';
COMMENT ON COLUMN speculation_auc_by_variant.auc_highest IS 'Highest AUC of a member';
