-- Weight of the second mask by letters after a splice: members of a class, and Bayes
-- Ordered sums give the same last digits every time.
WITH document AS (
    SELECT
        m.corpus,
        m.size,
        m.variant,
        any_value(m.parameters) AS parameters,
        w.letters - i.before AS letters,
        w.document,
        avg(w.weight ORDER BY w.weight) AS weight,
        avg(w.posterior ORDER BY w.posterior) AS posterior,
        count(w.weight) AS models
    FROM mask_weights AS w
    JOIN artifact AS e ON e.artifact = w.artifact AND e.is_current
    JOIN current_model AS m ON m.model = w.model
    JOIN mask_inertia AS i ON i.artifact = w.artifact AND i.model = w.model
    WHERE w.kind = 'spliced' AND w.is_true_mask
    GROUP BY m.corpus, m.size, m.variant, w.letters - i.before, w.document
),
class AS (
    SELECT
        corpus,
        size,
        variant,
        any_value(parameters) AS parameters,
        letters,
        avg(weight ORDER BY weight) AS weight,
        stddev_samp(weight ORDER BY weight) AS sd,
        count(weight) AS n,
        avg(posterior ORDER BY posterior) AS posterior,
        max(models) AS models,
        count(*) AS documents
    FROM document
    GROUP BY corpus, size, variant, letters
)
SELECT
    corpus,
    size,
    variant,
    letters,
    weight,
    weight - half_width * sd AS low,
    weight + half_width * sd AS high,
    posterior,
    models,
    documents,
    parameters
FROM class
LEFT JOIN mean_interval USING (n)
ORDER BY corpus, parameters, size, variant, letters;
