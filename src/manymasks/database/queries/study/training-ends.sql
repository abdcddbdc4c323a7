-- At which loss did training end, and was it still falling?
WITH curve AS (
    SELECT
        m.label,
        c.split,
        c.step,
        c.nats,
        lag(c.nats) OVER point AS nats_before,
        row_number() OVER (PARTITION BY c.model, c.split ORDER BY c.step DESC) AS from_end
    FROM training_curve AS c
    JOIN current_model AS m ON m.model = c.model AND m.status = 'trained'
    WINDOW point AS (PARTITION BY c.model, c.split ORDER BY c.step)
)
SELECT
    label,
    split,
    max(step) AS step,
    count(*) AS models,
    round(avg(nats), 4) AS nats,
    round(min(nats), 4) AS best,
    round(max(nats), 4) AS worst,
    round(avg(nats - nats_before), 4) AS last_change
FROM curve
WHERE from_end = 1
GROUP BY label, split
ORDER BY label, split;
