-- KL between seeds on unchanged text, by the training step of a series of checkpoints
WITH checkpoints AS (
    SELECT
        m.label,
        p.step,
        regexp_replace(m.variant, '(^|-)step[0-9]+', '') AS series,
        avg(m.measure_nats) AS nats
    FROM pretrained_model AS p
    JOIN current_model AS m ON m.model = p.model AND m.status = 'trained'
    WHERE p.step IS NOT NULL
    GROUP BY m.label, p.step, m.variant
)
SELECT
    s.corpus,
    s.probe,
    s.size,
    trim(c.series, '-') AS series,
    c.step,
    c.nats,
    s.kl,
    s.low,
    s.high,
    s.floor,
    s.models,
    s.documents,
    s.effective_documents,
    t.parameters
FROM checkpoints AS c
JOIN severity_curve AS s ON s.label = c.label AND s.is_text
JOIN model_class AS t ON t.label = c.label AND t.is_current
QUALIFY count(*) OVER (PARTITION BY s.corpus, s.size) > 1
ORDER BY s.corpus, t.parameters, s.size, series, c.step;
