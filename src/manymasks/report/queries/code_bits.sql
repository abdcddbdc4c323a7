-- Bits and losses of members rounded more and more coarsely, and those that no other code beats
SELECT
    f.corpus,
    f.size,
    f.variant,
    f.model,
    f.bits,
    f.nats,
    f.is_frontier,
    m.parameters
FROM mdl_frontier AS f
JOIN current_model AS m USING (model)
ORDER BY f.corpus, m.parameters, f.variant, m.seed_init, m.seed_order, f.bits;
