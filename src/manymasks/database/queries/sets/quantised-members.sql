-- How few bits leave a member in the Rashomon set of its class?
SELECT
    d.label,
    d.scale AS aimed_rise,
    round(d.bits / 1000) AS kbit,
    round(d.bits_per_weight, 2) AS bits_per_weight,
    round(d.excess_select, 4) AS excess_select,
    round(d.excess_measure, 4) AS excess_measure,
    -- The smallest threshold of a set that it is in: NULL if it is in none.
    min(s.eps) FILTER (WHERE x.is_member) AS within_eps,
    max(s.eps) AS largest_eps
FROM derived_model AS d
JOIN rashomon_member AS x ON x.model = d.model
JOIN current_set AS s
    ON s.artifact = x.artifact
    AND s.rashomon_set = x.rashomon_set
    AND s.eps_unit = 'nats'
SEMI JOIN widest_set AS w ON w.label = s.label AND w.reference = s.reference
WHERE d.method = 'quantised'
GROUP BY ALL
ORDER BY d.label, aimed_rise;
