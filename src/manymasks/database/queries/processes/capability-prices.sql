-- Known processes: how far are members from the optimum, and what does each capability cost?
SELECT
    corpus,
    kind,
    name,
    concat_ws('-', 'i' || seed_init, 'o' || seed_order) AS seeds,
    round(nats, 4) AS nats,
    round(nats_low, 4) AS low,
    round(nats_high, 4) AS high,
    round(exact, 4) AS exact
FROM price_ladder
ORDER BY corpus, price_ladder.nats, kind, name, seeds;
