-- Accuracy of members against their confidence, on text and on the furthest probe
WITH bin AS (
    SELECT
        m.corpus,
        b.probe,
        b.severity,
        p.is_text,
        m.size,
        m.variant,
        max(m.parameters) AS parameters,
        b.bin,
        avg(b.confidence) AS confidence,
        avg(b.accuracy) AS accuracy,
        stddev_samp(b.accuracy) AS sd,
        count(*) AS models
    FROM calibration_bin AS b
    JOIN artifact AS e ON e.artifact = b.artifact AND e.is_current
    JOIN current_model AS m ON m.model = b.model
    JOIN current_probe AS p
        ON p.corpus = m.corpus AND p.probe = b.probe AND p.severity = b.severity
    WHERE b.tokens > 0 AND (p.is_text OR p.is_furthest) AND m.corpus IN (FROM text_corpus)
    GROUP BY m.corpus, b.probe, b.severity, p.is_text, m.size, m.variant, b.bin
)
SELECT
    bin.* EXCLUDE (sd),
    accuracy - half_width * sd AS low,
    accuracy + half_width * sd AS high
FROM bin
LEFT JOIN mean_interval ON n = models
ORDER BY corpus, NOT is_text, parameters, size, variant, bin;
