-- Which members must be disclosed to show all predictions of a set?
SELECT
    d.label,
    concat(d.eps, ' ', d.eps_unit) AS threshold,
    d.members,
    d.rank,
    format('i{}-o{}', d.seed_init, d.seed_order) AS seeds,
    round(d.weight, 3) AS weight,
    round(d.covered, 3) AS covered,
    round(d.mean_weight, 3) AS mean_weight
FROM disclosure_subset AS d
SEMI JOIN widest_set AS w ON w.rashomon_set = d.rashomon_set AND w.method = 'trained'
ORDER BY d.label, d.rank;
