-- Which claims were tested, and which survive the correction for multiple tests?
SELECT
    contrast,
    kind,
    round(estimate, 4) AS estimate,
    round(low, 4) AS low,
    round(high, 4) AS high,
    printf('%.1e', p) AS p,
    printf('%.1e', q) AS q,
    round(at_most, 4) AS at_most,
    round(detectable, 4) AS detectable,
    round(degrees, 1) AS degrees,
    inits,
    orders,
    round(effective_documents) AS effective_documents
FROM tested_claims
ORDER BY rank NULLS LAST, tested_claims.q, contrast;
