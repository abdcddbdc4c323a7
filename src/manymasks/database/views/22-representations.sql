CREATE VIEW representation_by_layer AS
SELECT
    c.corpus,
    c.size,
    c.variant,
    r.pool AS label,
    r.other,
    r.pool = r.other AS is_within,
    r.measure,
    r.layer,
    r.layer / nullif(max(r.layer) OVER (PARTITION BY r.artifact, r.pool, r.other), 0) AS depth,
    r.value,
    r.calibrated,
    r.low,
    r.high,
    r.floor,
    r.models
FROM representation_pool AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
JOIN model_class AS c ON c.label = r.pool AND c.is_current
ORDER BY c.corpus, r.measure, c.parameters, r.pool, r.other, r.layer;
COMMENT ON VIEW representation_by_layer IS 'A class, or two, at a layer, with a similarity of the hidden representations of pairs: do equally good models compute the same way? Grain: label, other, measure, layer.';
COMMENT ON COLUMN representation_by_layer.measure IS 'cka or mutual_knn';
COMMENT ON COLUMN representation_by_layer.layer IS 'Residual stream before this block; the last is after all blocks';
COMMENT ON COLUMN representation_by_layer.depth IS 'layer / number of blocks';
COMMENT ON COLUMN representation_by_layer.value IS 'Mean of the measure over pairs';
COMMENT ON COLUMN representation_by_layer.calibrated IS 'Mean of the measure beyond the 95th percentile of random matchings of tokens: 0 at chance';
COMMENT ON COLUMN representation_by_layer.low IS 'Lower end of the interval of calibrated over models, the tokens fixed';
COMMENT ON COLUMN representation_by_layer.floor IS 'Noise floor: 1 minus the similarity of members with themselves in another batch';
