CREATE VIEW belief_by_layer AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    b.latent,
    b.layer,
    b.control,
    avg(b.r2) AS r2,
    min(b.r2) AS r2_lowest,
    max(b.r2) AS r2_highest,
    avg(b.rmse) AS rmse,
    count(b.r2) AS models
FROM belief_probe AS b
JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
JOIN current_model AS m ON m.model = b.model
GROUP BY ALL
ORDER BY m.label, b.latent, b.control, b.layer;
COMMENT ON VIEW belief_by_layer IS 'How well exact posteriors are read off the residual stream, by class, beside controls. Grain: corpus, size, variant, latent, layer, control.';
COMMENT ON COLUMN belief_by_layer.label IS 'Label of the class, corpus/size/variant';
COMMENT ON COLUMN belief_by_layer.corpus IS 'Name of the corpus';
COMMENT ON COLUMN belief_by_layer.size IS 'Name of the size';
COMMENT ON COLUMN belief_by_layer.variant IS 'Name of the variant';
COMMENT ON COLUMN belief_by_layer.latent IS 'Whose exact posterior is read';
COMMENT ON COLUMN belief_by_layer.layer IS 'Blocks that the stream has gone through; 0 is the embedding';
COMMENT ON COLUMN belief_by_layer.control IS 'none: the members. untrained, shuffled and last-letters: what a map reads without them';
COMMENT ON COLUMN belief_by_layer.r2 IS 'Share of the variance explained on documents the map has not seen, mean over members';
COMMENT ON COLUMN belief_by_layer.r2_lowest IS 'That of the lowest member';
COMMENT ON COLUMN belief_by_layer.r2_highest IS 'That of the highest member';
COMMENT ON COLUMN belief_by_layer.rmse IS 'Root of the mean squared error of a probability, mean over members';
COMMENT ON COLUMN belief_by_layer.models IS 'Members that the mean is over';

CREATE VIEW speculation_by_variant AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    s.layer,
    s.ahead,
    s.control,
    avg(s.efficiency) AS efficiency,
    min(s.efficiency) AS efficiency_lowest,
    max(s.efficiency) AS efficiency_highest,
    avg(s.nats) AS nats,
    avg(s.marginal) AS marginal,
    avg(s.exact) AS exact,
    count(*) AS models
FROM speculation AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN current_model AS m ON m.model = s.model
GROUP BY ALL
ORDER BY m.label, s.control, s.ahead, s.layer;
COMMENT ON VIEW speculation_by_variant IS 'How much of what could be known of later tokens is read off the residual stream, by class. Grain: corpus, size, variant, layer, ahead, control.';
COMMENT ON COLUMN speculation_by_variant.label IS 'Label of the class, corpus/size/variant';
COMMENT ON COLUMN speculation_by_variant.corpus IS 'Name of the corpus';
COMMENT ON COLUMN speculation_by_variant.size IS 'Name of the size';
COMMENT ON COLUMN speculation_by_variant.variant IS 'Name of the variant';
COMMENT ON COLUMN speculation_by_variant.layer IS 'Blocks that the stream has gone through; 0 is the embedding';
COMMENT ON COLUMN speculation_by_variant.ahead IS 'How many tokens ahead: 1 is the next one';
COMMENT ON COLUMN speculation_by_variant.control IS 'none or untrained';
COMMENT ON COLUMN speculation_by_variant.efficiency IS 'What a linear map gains over the frequencies as a share of what the exact law gains, mean over members; NULL where there is nothing to gain';
COMMENT ON COLUMN speculation_by_variant.efficiency_lowest IS 'That of the lowest member';
COMMENT ON COLUMN speculation_by_variant.efficiency_highest IS 'That of the highest member';
COMMENT ON COLUMN speculation_by_variant.nats IS 'Loss of the map, nats per token, mean over members';
COMMENT ON COLUMN speculation_by_variant.marginal IS 'Loss of the frequencies on the same tokens';
COMMENT ON COLUMN speculation_by_variant.exact IS 'Loss of the exact law on the same tokens';
COMMENT ON COLUMN speculation_by_variant.models IS 'Members that the means are over';

CREATE VIEW double_by_variant AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    a.place,
    a.layer,
    a.control,
    avg(a.auc) AS auc,
    min(a.auc) AS auc_lowest,
    max(a.auc) AS auc_highest,
    count(a.auc) AS models
FROM speculation_auc AS a
JOIN artifact AS e ON e.artifact = a.artifact AND e.is_current
JOIN current_model AS m ON m.model = a.model
GROUP BY ALL
ORDER BY m.label, a.control, a.place, a.layer;
COMMENT ON VIEW double_by_variant IS 'Whether the stream says that the last pair counts, by class; in tally1 its second digit itself says it. Grain: corpus, size, variant, place, layer, control.';
COMMENT ON COLUMN double_by_variant.label IS 'Label of the class, corpus/size/variant';
COMMENT ON COLUMN double_by_variant.corpus IS 'Name of the corpus';
COMMENT ON COLUMN double_by_variant.size IS 'Name of the size';
COMMENT ON COLUMN double_by_variant.variant IS 'Name of the variant';
COMMENT ON COLUMN double_by_variant.place IS 'b: at the second digit of the pair. next: one token later, where this is the first digit of another pair';
COMMENT ON COLUMN double_by_variant.layer IS 'Blocks that the stream has gone through; 0 is the embedding';
COMMENT ON COLUMN double_by_variant.control IS 'none or untrained';
COMMENT ON COLUMN double_by_variant.auc IS 'Area under the curve on documents the map has not seen, mean over members: .5 knows nothing';
COMMENT ON COLUMN double_by_variant.auc_lowest IS 'That of the lowest member';
COMMENT ON COLUMN double_by_variant.auc_highest IS 'That of the highest member';
COMMENT ON COLUMN double_by_variant.models IS 'Members that the mean is over';
