-- Every claim that was tested, null results too
SELECT contrast, kind, estimate, low, high, p, q, models, documents
FROM tested_claims
ORDER BY rank NULLS LAST, p, contrast;
