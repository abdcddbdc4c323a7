CREATE VIEW swap_by_layer AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    s.site,
    s.layer,
    s.letters,
    avg(s.followed) AS followed,
    min(s.followed) AS lowest,
    max(s.followed) AS highest,
    avg(s.from_recipient) AS from_recipient,
    avg(s.from_donor) AS from_donor,
    avg(s.apart) AS apart,
    count(*) AS members
FROM mask_swap AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN current_model AS m ON m.model = s.model
GROUP BY ALL;
COMMENT ON VIEW swap_by_layer IS 'What the members of a class follow when a part of the past is a donors, in the current study. Grain: corpus, size, variant, site, layer, letters.';
COMMENT ON COLUMN swap_by_layer.label IS 'Label of the class, corpus/size/variant';
COMMENT ON COLUMN swap_by_layer.corpus IS 'Name of the corpus';
COMMENT ON COLUMN swap_by_layer.size IS 'Name of the size';
COMMENT ON COLUMN swap_by_layer.variant IS 'Name of the variant';
COMMENT ON COLUMN swap_by_layer.site IS 'residual: the stream of the last position. past: the keys and values of all earlier positions';
COMMENT ON COLUMN swap_by_layer.layer IS 'residual: blocks that the stream has gone through; past: the layer whose keys and values they are, -1 for all layers';
COMMENT ON COLUMN swap_by_layer.letters IS 'Letters of the prompt';
COMMENT ON COLUMN swap_by_layer.followed IS 'Mean over members of the share of the donors law in what is predicted';
COMMENT ON COLUMN swap_by_layer.lowest IS 'Lowest of a member';
COMMENT ON COLUMN swap_by_layer.highest IS 'Highest of a member';
COMMENT ON COLUMN swap_by_layer.from_recipient IS 'Mean KL from the law after the swap to the recipients, nats';
COMMENT ON COLUMN swap_by_layer.from_donor IS 'Mean KL from it to the donors, nats';
COMMENT ON COLUMN swap_by_layer.apart IS 'Mean KL from the donors law to the recipients without a swap, nats';
COMMENT ON COLUMN swap_by_layer.members IS 'Members';
