-- Preference of each member between two rules, and the range of the mean under symmetry
-- Ordered sums give the same last digits every time.
WITH seed AS (
    SELECT
        corpus,
        size,
        variant,
        question,
        seed_init,
        avg(preference ORDER BY preference) AS preference
    FROM rule_choice_by_member
    GROUP BY corpus, size, variant, question, seed_init
),
spread AS (
    SELECT
        corpus,
        size,
        variant,
        question,
        avg(preference ORDER BY preference) AS mean,
        stddev_samp(preference ORDER BY preference) AS sd,
        count(preference) AS seeds
    FROM seed
    GROUP BY corpus, size, variant, question
)
SELECT
    r.corpus,
    r.size,
    r.variant,
    r.answered,
    r.question,
    r.rule,
    r.other,
    r.seed_init,
    r.seed_order,
    r.preference,
    r.preference_low AS low,
    r.preference_high AS high,
    s.mean,
    CASE
        WHEN r.question = 'twin'
        THEN i.half_width * s.sd
    END AS half_band,
    s.seeds,
    count(*) OVER (PARTITION BY r.corpus, r.size, r.variant, r.question) AS models,
    c.parameters
FROM rule_choice_by_member AS r
JOIN spread AS s
    ON s.corpus = r.corpus
    AND s.size = r.size
    AND s.variant = r.variant
    AND s.question = r.question
LEFT JOIN mean_interval AS i ON i.n = s.seeds
LEFT JOIN model_class AS c ON c.label = r.label AND c.is_current
WHERE r.preference IS NOT NULL
ORDER BY r.question DESC, r.answered, r.corpus, c.parameters, r.size, r.variant, r.preference;
