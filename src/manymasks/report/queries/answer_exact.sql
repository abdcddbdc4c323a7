-- How far are members from the exact law of their process, and what could they lack?
WITH member AS (
    SELECT corpus, min(nats) AS value, min_by(nats_low, nats) AS low, min_by(nats_high, nats) AS high,
        max(nats) AS most, count(*) AS models, max(documents) AS documents
    FROM price_ladder
    WHERE kind = 'member'
    GROUP BY corpus
),
cheapest AS (
    SELECT corpus, min(nats) AS price, arg_min(name, nats) AS capability
    FROM price_ladder
    WHERE kind = 'capability'
    GROUP BY corpus
)
SELECT corpus, value, low, high, most, price, capability, models, documents
FROM member
LEFT JOIN cheapest USING (corpus)
ORDER BY corpus;
