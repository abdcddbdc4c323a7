-- What was tested, and what is left of it after correction for the number of tests?
SELECT
    contrast,
    kind,
    round(estimate, 4) AS estimate,
    round(low, 4) AS low,
    round(high, 4) AS high,
    round(p, 4) AS p,
    round(q, 4) AS q,
    models
FROM tested_claims
ORDER BY kind DESC, q, contrast;
