-- Which of the claims that were named before the run hold after correction?
SELECT contrast, estimate AS value, low, high, q
FROM tested_claims
WHERE kind = 'primary'
ORDER BY rank;
