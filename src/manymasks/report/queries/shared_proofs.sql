-- What is proved of all members of a set, of some, and by one proof
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.label,
    s.members AS models,
    s.threshold,
    s.proved_mean,
    s.core,
    s.contested,
    s.open,
    s.refuted,
    s.shared,
    s.jaccard,
    s.jaccard_by_chance,
    s.correlation,
    t.cost_nats,
    t.witness_home,
    t.witness_away
FROM shared_proofs AS s
SEMI JOIN widest_set USING (rashomon_set)
LEFT JOIN model_class AS c ON c.label = s.label AND c.is_current
LEFT JOIN (
    SELECT
        a.label,
        avg(t.cost_median) AS cost_nats,
        avg(t.witness_home) AS witness_home,
        avg(t.witness_away) AS witness_away
    FROM proof_transfer AS t
    JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
    JOIN current_model AS a ON a.model = t.source_model
    JOIN current_model AS b ON b.model = t.target_model AND b.label = a.label
    GROUP BY a.label
) AS t ON t.label = s.label
ORDER BY s.corpus, c.parameters, s.size, s.variant, s.threshold;
