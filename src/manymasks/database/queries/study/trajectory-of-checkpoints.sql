-- How do loss and divergence between seeds change with the training steps of a checkpoint series?
WITH checkpoints AS (
    SELECT
        m.label,
        p.step,
        count(*) AS models,
        avg(m.measure_nats) AS nats
    FROM pretrained_model AS p
    JOIN current_model AS m ON m.model = p.model AND m.status = 'trained'
    WHERE p.step IS NOT NULL
    GROUP BY m.label, p.step
)
SELECT
    d.corpus,
    d.size,
    c.step,
    c.models,
    round(c.nats, 4) AS nats,
    d.probe,
    d.severity,
    round(d.kl, 5) AS kl,
    round(d.low, 5) AS low,
    round(d.high, 5) AS high,
    round(d.entropy_share, 4) AS entropy_share
FROM checkpoints AS c
JOIN severity_curve AS d USING (label)
ORDER BY d.corpus, d.size, d.probe, d.severity, c.step;
