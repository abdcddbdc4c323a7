CREATE VIEW decomposition_by_class AS
WITH counted AS (
    SELECT
        m.corpus,
        m.size,
        m.variant,
        d.artifact,
        d.predictor,
        min(d.parts) AS parts_lowest,
        max(d.parts) AS parts_highest,
        avg(d.slowest) AS slowest,
        avg(d.next_slowest) AS next_slowest,
        avg(d.kl) AS kl
    FROM decomposition AS d
    JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
    JOIN current_model AS m ON m.model = d.model
    GROUP BY ALL
)
SELECT
    concat_ws('/', c.corpus, c.size, c.variant) AS label,
    c.corpus,
    c.size,
    c.variant,
    c.predictor,
    s.reading,
    c.parts_lowest,
    c.parts_highest,
    c.slowest,
    c.next_slowest,
    c.kl,
    s.r2,
    s.r2_low,
    s.r2_high,
    s.between,
    s.between_low,
    s.between_high,
    s.error_correlation,
    s.error_correlation_low,
    s.error_correlation_high,
    s.models,
    s.documents
FROM counted AS c
JOIN decomposition_class AS s USING (artifact, corpus, size, variant, predictor)
ORDER BY label, s.reading, c.predictor <> 'member', c.predictor;
COMMENT ON VIEW decomposition_by_class IS 'A class, or noise as large as the errors of its members, with its parts and what two of them agree on: do seeds find one decomposition, and do they share an error? Grain: corpus, size, variant, predictor, reading.';
COMMENT ON COLUMN decomposition_by_class.predictor IS 'member, or exact predictors with independent noise as large as the errors of a member, or with its errors exchanged between prompts';
COMMENT ON COLUMN decomposition_by_class.reading IS 'operators: from predictions alone. masks: the closest mixture of the true masks';
COMMENT ON COLUMN decomposition_by_class.parts_lowest IS 'Fewest ergodic parts of one of them';
COMMENT ON COLUMN decomposition_by_class.parts_highest IS 'Most ergodic parts of one of them';
COMMENT ON COLUMN decomposition_by_class.slowest IS 'Real part of the last eigenvalue that counts as a part, mean';
COMMENT ON COLUMN decomposition_by_class.next_slowest IS 'Real part of the first eigenvalue that does not count, mean';
COMMENT ON COLUMN decomposition_by_class.kl IS 'KL from the exact distribution of the next four letters, nats, mean';
COMMENT ON COLUMN decomposition_by_class.r2 IS 'Share of the variance of the exact posterior explained, mean over members; NULL where it is not known';
COMMENT ON COLUMN decomposition_by_class.r2_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN decomposition_by_class.error_correlation IS 'Correlation of errors against the exact posterior, about 0, mean over pairs; NULL where it is not known';

CREATE VIEW predicted_and_seen AS
SELECT
    p.measurement,
    p.corpus,
    p.size,
    p.variant,
    p.quantity,
    p.predicted_low,
    p.predicted_high,
    p.seen,
    p.seen_low,
    p.seen_high,
    CASE
        WHEN p.seen IS NULL THEN 'not measured'
        WHEN
            coalesce(p.seen_high, p.seen) < p.predicted_low
            OR coalesce(p.seen_low, p.seen) > p.predicted_high
            THEN 'not met'
        WHEN
            coalesce(p.seen_low, p.seen) < p.predicted_low
            OR coalesce(p.seen_high, p.seen) > p.predicted_high
            THEN 'open'
        ELSE 'met'
    END AS verdict,
    p.source
FROM prediction AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
ORDER BY p.measurement, p.corpus, p.size, p.variant, p.quantity;
COMMENT ON VIEW predicted_and_seen IS 'A quantity that was predicted before the run, with the range, what came, and whether they meet. Grain: measurement, corpus, size, variant, quantity.';
COMMENT ON COLUMN predicted_and_seen.verdict IS 'met: the interval of what came is within the range. open: it reaches the range and beyond. not met: it misses the range. not measured';
COMMENT ON COLUMN predicted_and_seen.source IS 'What the range comes from: a proof, or an earlier run';
