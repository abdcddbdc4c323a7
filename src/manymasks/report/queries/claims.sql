-- All tested claims, null results included
SELECT contrast, kind, because, estimate, low, high, p, q, at_most, detectable, degrees, inits, orders, documents, effective_documents
FROM tested_claims
ORDER BY rank NULLS LAST, p, contrast;
