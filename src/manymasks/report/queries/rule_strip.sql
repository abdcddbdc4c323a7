-- Which of two rules each member follows, and where the mean over seeds would lie by symmetry
-- Sums have an order, so that their last digits are the same every time.
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
),
-- Student's t at 97.5% for 1 to 30 degrees; its expansion in 1 / degrees beyond.
quantile AS (
    SELECT [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
        2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06,
        2.056, 2.052, 2.048, 2.045, 2.042
    ] AS t
)
SELECT
    r.corpus,
    r.size,
    r.variant,
    r.eps,
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
        THEN coalesce(t[s.seeds - 1], 1.96 + 2.37 / nullif(s.seeds - 1, 0)) * s.sd / sqrt(s.seeds)
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
CROSS JOIN quantile
LEFT JOIN model_class AS c ON c.label = r.label AND c.is_current
WHERE r.preference IS NOT NULL
ORDER BY r.question DESC, r.eps, r.corpus, c.parameters, r.size, r.variant, r.preference;
