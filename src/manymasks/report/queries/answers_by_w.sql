-- Loss of answers above the exact law by the number of pairs they count, and without binding
SELECT
    d.corpus,
    d.control_of,
    d.size,
    d.baseline,
    d.variant,
    try_cast(d.level AS INTEGER) AS pairs,
    d.baseline_nats,
    d.baseline_low,
    d.baseline_high,
    d.variant_nats,
    d.variant_low,
    d.variant_high,
    d.ceiling,
    d.models,
    d.documents,
    d.effective_documents,
    c.parameters
FROM myopia_by_demand AS d
LEFT JOIN model_class AS c
    ON c.corpus = d.corpus AND c.size = d.size AND c.variant = d.variant AND c.is_current
WHERE d.stratum = 'answers by W'
ORDER BY d.corpus, c.parameters, d.size, d.baseline, d.variant, pairs;
