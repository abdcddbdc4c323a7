-- Which eigenvalues does each predictor imply, and how many of them are parts?
SELECT
    predictor,
    number,
    round(avg(re), 4) AS re,
    round(min(re), 4) AS re_lowest,
    round(max(re), 4) AS re_highest,
    round(avg(abs(im)), 4) AS im,
    round(avg(memory), 1) AS memory,
    any_value(d.parts) AS parts,
    count(*) AS predictors
FROM operator_spectrum AS s
JOIN decomposition AS d USING (artifact, predictor)
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
WHERE s.model IS NOT DISTINCT FROM d.model AND number <= 6
GROUP BY s.artifact, predictor, number
ORDER BY s.artifact, predictor <> 'bayes', predictor, number;
