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
        count(b.r2) AS models
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
    -- What needs no model is the same for all members: only documents can make it differ.
    CASE WHEN control LIKE '%last-letters' THEN documents_low ELSE r2 - half_width * sd END AS r2_low,
    -- least(NULL, 1) is 1: what is not known has no upper end.
    CASE
        WHEN control LIKE '%last-letters' THEN documents_high
        WHEN n IS NOT NULL THEN least(r2 + half_width * sd, 1)
    END AS r2_high,
    r2_lowest,
    r2_highest,
    rmse,
    models
FROM class
LEFT JOIN mean_interval ON n = models
ORDER BY label, latent, control, layer;
COMMENT ON VIEW belief_by_layer IS 'How well exact posteriors are read off the residual stream, by class, beside controls. Grain: corpus, size, variant, latent, layer, control.';
COMMENT ON COLUMN belief_by_layer.latent IS 'Whose exact posterior is read';
COMMENT ON COLUMN belief_by_layer.control IS 'none: the members. untrained, shuffled, last-letters and premise+last-letters: what a map reads without them';
COMMENT ON COLUMN belief_by_layer.r2 IS 'Share of the variance explained on documents the map has not seen, mean over members';
COMMENT ON COLUMN belief_by_layer.r2_low IS 'Lower end of its t interval over members, NULL for a single one; over documents where no model is read';
COMMENT ON COLUMN belief_by_layer.r2_lowest IS 'That of the lowest member';
COMMENT ON COLUMN belief_by_layer.r2_highest IS 'That of the highest member';
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
        count(s.efficiency) AS models
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
LEFT JOIN mean_interval ON n = models
ORDER BY label, control, ahead, layer;
COMMENT ON VIEW speculation_by_variant IS 'How much of what could be known of later tokens is read off the residual stream, by class. Grain: corpus, size, variant, layer, ahead, control.';
COMMENT ON COLUMN speculation_by_variant.efficiency IS 'What a linear map gains over the frequencies as a share of what the exact law gains, mean over members; NULL where there is nothing to gain';
COMMENT ON COLUMN speculation_by_variant.efficiency_low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN speculation_by_variant.efficiency_lowest IS 'That of the lowest member';
COMMENT ON COLUMN speculation_by_variant.efficiency_highest IS 'That of the highest member';
COMMENT ON COLUMN speculation_by_variant.nats IS 'Loss of the map, nats per token, mean over members';
COMMENT ON COLUMN speculation_by_variant.marginal IS 'Loss of the frequencies on the same tokens';
COMMENT ON COLUMN speculation_by_variant.exact IS 'Loss of the exact law on the same tokens';

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
        count(a.auc) AS models
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
LEFT JOIN mean_interval ON n = models
ORDER BY label, control, site, layer;
COMMENT ON VIEW speculation_auc_by_variant IS 'Whether the stream says that the last pair counts, by class; in tally1 its second digit itself says it. Grain: corpus, size, variant, site, layer, control.';
COMMENT ON COLUMN speculation_auc_by_variant.auc IS 'Area under the curve on documents the map has not seen, mean over members: .5 knows nothing';
COMMENT ON COLUMN speculation_auc_by_variant.auc_low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN speculation_auc_by_variant.auc_lowest IS 'That of the lowest member';
COMMENT ON COLUMN speculation_auc_by_variant.auc_highest IS 'That of the highest member';
