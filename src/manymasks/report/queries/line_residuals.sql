-- Residuals of members from the line of loss on a probe against loss on text
SELECT
    r.corpus,
    r.probe,
    r.severity,
    r.size,
    r.variant,
    r.text_nats,
    r.residual,
    r.low,
    r.high,
    l.r2,
    l.residual_sd,
    l.residual_sd_noise,
    l.documents,
    l.effective_documents,
    c.parameters
FROM line_residuals AS r
JOIN on_the_line AS l USING (corpus, probe, severity)
JOIN model_class AS c ON c.label = r.label AND c.is_current
WHERE r.corpus IN (FROM text_corpus)
QUALIFY r.severity = max(r.severity) OVER (PARTITION BY r.corpus, r.probe)
ORDER BY r.corpus, r.probe, c.parameters, r.size, r.variant, r.seed_init, r.seed_order;
