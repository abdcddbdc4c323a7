CREATE VIEW swap_by_layer AS
WITH swap AS (
    SELECT s.*
    FROM mask_swap AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
),
class AS (
    SELECT
        s.artifact,
        m.label,
        m.corpus,
        m.size,
        m.variant,
        s.donor,
        s.site,
        s.layer,
        s.letters,
        avg(s.followed) AS followed,
        stddev_samp(s.followed) AS sd,
        min(s.followed) AS lowest,
        max(s.followed) AS highest,
        avg(s.from_recipient) AS from_recipient,
        avg(s.from_donor) AS from_donor,
        avg(s.apart) AS apart,
        count(s.followed) AS members,
        -- Crossed members share seeds, and a mean over them has no interval here.
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM swap AS s
    JOIN current_model AS m ON m.model = s.model
    GROUP BY ALL
)
SELECT
    c.label,
    c.corpus,
    c.size,
    c.variant,
    c.donor,
    c.site,
    c.layer,
    c.letters,
    c.followed,
    c.followed - i.half_width * c.sd AS low,
    c.followed + i.half_width * c.sd AS high,
    c.lowest,
    c.highest,
    b.followed AS bayes,
    b.followed_low AS bayes_low,
    b.followed_high AS bayes_high,
    c.from_recipient,
    c.from_donor,
    c.apart,
    c.members
FROM class AS c
LEFT JOIN swap AS b
    ON b.artifact = c.artifact
    AND b.model = 'bayes'
    AND b.donor = c.donor
    AND b.site = c.site
    AND b.layer = c.layer
    AND b.letters = c.letters
LEFT JOIN mean_interval AS i ON i.n = c.members AND i.n = c.independent
ORDER BY c.label, c.letters, c.site, c.layer, c.donor;
COMMENT ON VIEW swap_by_layer IS 'A class and a site at a layer, with how far its prediction follows a donor whose activations replace part of the past, beside the exact predictor: which layer hands on who speaks? Members minus bayes is their deviation from optimal behaviour; other mask minus same mask is the effect of the donor''s mask beyond its letters. Grain: corpus, size, variant, donor, site, layer, letters.';
COMMENT ON COLUMN swap_by_layer.donor IS 'other mask, or same mask: another document with the recipient''s mask and premise';
COMMENT ON COLUMN swap_by_layer.site IS 'Part that is replaced. residual: the residual stream of the last position. past: the keys and values of all earlier positions';
COMMENT ON COLUMN swap_by_layer.layer IS 'residual: blocks before the swap; past: the layer of the keys and values, -1 for all layers';
COMMENT ON COLUMN swap_by_layer.followed IS 'Share of the donor in the prediction after the swap, mean over members';
COMMENT ON COLUMN swap_by_layer.low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN swap_by_layer.bayes IS 'followed for the exact predictor on the same documents; NULL for single layers, which it does not have';
COMMENT ON COLUMN swap_by_layer.bayes_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN swap_by_layer.members IS 'Members in the means';
