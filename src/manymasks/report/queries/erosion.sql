-- Loss of the answers that count most pairs after fine-tuning, by its peak learning rate
-- Ordered sums give the same last digits every time.
WITH answers AS (
    SELECT *, try_cast(level AS INTEGER) AS pairs
    FROM erosion
    WHERE stratum = 'answers by W'
    QUALIFY pairs = max(pairs) OVER (PARTITION BY corpus)
),
class AS (
    SELECT
        corpus,
        size,
        gradient,
        learning_rate,
        pairs,
        avg(nats ORDER BY nats) AS nats,
        avg(start_nats ORDER BY start_nats) AS start_nats,
        stddev_samp(nats ORDER BY nats) AS sd,
        max(ceiling) AS ceiling,
        count(nats) AS models
    FROM answers
    GROUP BY corpus, size, gradient, learning_rate, pairs
)
SELECT
    corpus,
    size,
    gradient,
    learning_rate,
    pairs,
    nats,
    nats - half_width * sd AS low,
    nats + half_width * sd AS high,
    start_nats,
    ceiling,
    models
FROM class
LEFT JOIN mean_interval ON n = models
ORDER BY corpus, size, gradient, learning_rate;
