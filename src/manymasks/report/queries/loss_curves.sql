-- Loss during training: mean and range over the seeds of a class
SELECT
    m.corpus,
    m.size,
    m.variant,
    c.split,
    c.step,
    avg(c.nats) AS nats,
    min(c.nats) AS low,
    max(c.nats) AS high,
    count(*) AS models,
    any_value(m.parameters) AS parameters
FROM training_curve AS c
JOIN current_model AS m ON m.model = c.model AND m.status = 'trained'
WHERE m.corpus IN (FROM text_corpus)
GROUP BY m.corpus, m.size, m.variant, c.split, c.step
ORDER BY m.corpus, parameters, m.size, m.variant, c.split, c.step;
