-- Rashomon sets of trained members: who is in them, and the effective number of models
SELECT
    s.rashomon_set,
    s.label,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    any_value(e.value) AS effective_models,
    list(m.model ORDER BY m.model) AS models
FROM current_set AS s
JOIN rashomon_member AS m
    ON m.artifact = s.artifact AND m.rashomon_set = s.rashomon_set AND m.is_member
LEFT JOIN set_metric AS e
    ON e.rashomon_set = s.rashomon_set
    AND e.metric = 'effective_models'
    AND e.weighting = 'hard'
    AND e.members_used = s.members
WHERE s.method = 'trained'
GROUP BY ALL
ORDER BY s.eps_nats, s.rashomon_set;
