CREATE VIEW bits_at_eps AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        b.eps_nats,
        avg(b.bits) AS bits,
        stddev_samp(b.bits) AS sd,
        avg(b.bits_per_weight) AS bits_per_weight,
        avg(c.constant) AS constant,
        stddev_samp(c.constant) AS constant_sd,
        avg(c.slope) AS slope,
        any_value(c.weights) AS weights,
        avg(c.measure_nats) AS nats,
        count(b.bits) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM code_bits AS b
    JOIN code_constant AS c USING (artifact, model)
    JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
    JOIN current_model AS m ON m.model = b.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    eps_nats,
    bits,
    bits - half_width * sd AS bits_low,
    bits + half_width * sd AS bits_high,
    bits_per_weight,
    constant,
    constant - half_width * constant_sd AS constant_low,
    constant + half_width * constant_sd AS constant_high,
    slope,
    weights,
    nats,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, weights, size, variant, eps_nats;
COMMENT ON VIEW bits_at_eps IS 'A class and an allowed rise of the loss, with the fewest bits of its members within it: how simple are equally good models? Grain: corpus, size, variant, eps_nats.';
COMMENT ON COLUMN bits_at_eps.eps_nats IS 'Allowed rise of the loss on windows of select, nats per token';
COMMENT ON COLUMN bits_at_eps.bits IS 'Fewest bits in a family of codes, mean over members';
COMMENT ON COLUMN bits_at_eps.bits_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN bits_at_eps.bits_per_weight IS 'Bits over the number of weights, mean over members';
COMMENT ON COLUMN bits_at_eps.constant IS 'Bits a weight + log2(excess in nats) / 2, over codes with an excess of 0.005 to 0.2 nats, mean over members; the same at every eps';
COMMENT ON COLUMN bits_at_eps.constant_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN bits_at_eps.slope IS 'Slope of log2(excess) on bits a weight, mean over members';
COMMENT ON COLUMN bits_at_eps.weights IS 'Number of weights';
COMMENT ON COLUMN bits_at_eps.nats IS 'Loss on windows of measure before rounding, mean over members';

CREATE VIEW mdl_frontier AS
WITH code AS (
    SELECT
        m.corpus,
        m.size,
        m.variant,
        m.label,
        p.model,
        p.aimed_excess,
        p.bits,
        p.bits_per_weight,
        c.measure_nats + p.measure_excess AS nats,
        c.select_nats + p.select_excess AS chosen_by
    FROM code_length AS p
    JOIN code_constant AS c USING (artifact, model)
    JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
    JOIN current_model AS m ON m.model = p.model
)
SELECT
    corpus,
    size,
    variant,
    label,
    model,
    aimed_excess,
    bits,
    bits_per_weight,
    nats,
    chosen_by AS select_nats,
    -- No code of the corpus with as few bits has a lower loss on the split that chooses.
    chosen_by <= min(chosen_by) OVER (PARTITION BY corpus ORDER BY bits) AS is_frontier
FROM code
ORDER BY corpus, bits;
COMMENT ON VIEW mdl_frontier IS 'A code of a member, with its bits and its loss, and whether no code of fewer bits loses less: which class takes the fewest bits at a loss? Grain: model, aimed_excess.';
COMMENT ON COLUMN mdl_frontier.aimed_excess IS 'Rise of the loss that the code was chosen for, nats per token';
COMMENT ON COLUMN mdl_frontier.bits IS 'Bits of all weights';
COMMENT ON COLUMN mdl_frontier.nats IS 'Loss of the rounded member on windows of measure';
COMMENT ON COLUMN mdl_frontier.select_nats IS 'The same on windows of select, which decides the frontier';
COMMENT ON COLUMN mdl_frontier.is_frontier IS 'Whether no code of the corpus with as few bits has a lower loss on select';
