-- What does the proof of one member cost when it is used for another, and do witnesses transfer?
SELECT
    a.label AS source,
    b.label AS target,
    count(*) AS pairs,
    round(avg(t.cost_median), 3) AS cost_nats,
    round(avg(t.bound_correlation), 3) AS bound_correlation,
    round(avg(t.witness_home), 2) AS witness_home,
    round(avg(t.witness_away), 2) AS witness_away,
    round(avg(t.witness_correlation), 3) AS witness_correlation
FROM proof_transfer AS t
JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
JOIN current_model AS a ON a.model = t.source_model
JOIN current_model AS b ON b.model = t.target_model
GROUP BY a.label, b.label
ORDER BY source <> target, source, target;
