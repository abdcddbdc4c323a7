-- The myopia gap as local malus minus local bonus
SELECT p.corpus, p.size, p.local, p.past, p.myopic, p.part, p.nats, p.low, p.high, p.seeds
FROM myopia_parts AS p
LEFT JOIN model_class AS c
    ON c.corpus = p.corpus AND c.size = p.size AND c.variant = p.past AND c.is_current
ORDER BY p.corpus, c.parameters, p.size, p.local, p.myopic, p.part = 'gap', p.part;
