-- How many models fit equally well, by class and threshold?
PIVOT (
    SELECT label, reference, candidates, members, concat(eps, ' ', eps_unit) AS threshold
    FROM rashomon_summary
    WHERE method = 'trained'
)
ON threshold
USING first(members)
GROUP BY label, reference, candidates
ORDER BY reference, label;
