-- What follows from the loaded rows, computed once.

-- Names are those of the labels, training/corpus/size/variant/seeds: a corpus, size or variant
-- that was renamed after it was made goes by its name in the current study.
UPDATE model SET
    corpus = split_part(label, '/', 2),
    size = split_part(label, '/', 3),
    variant = split_part(label, '/', 4)
FROM artifact
WHERE artifact.artifact = model.model AND artifact.is_current;
UPDATE corpus SET corpus = split_part(label, '/', 2)
FROM artifact
WHERE artifact.artifact = corpus.artifact AND artifact.is_current;
UPDATE tokenizer SET corpus = split_part(label, '/', 2)
FROM artifact
WHERE artifact.artifact = tokenizer.artifact AND artifact.is_current;

UPDATE tuning SET
    corpus = split_part(label, '/', 2),
    size = split_part(label, '/', 3),
    variant = split_part(label, '/', 4)
FROM artifact
WHERE artifact.artifact = tuning.artifact AND artifact.is_current;

-- A class that was renamed goes by its current name, else by its latest.
INSERT INTO model_class BY NAME
SELECT
    m.model_class,
    arg_max(concat_ws('/', m.corpus, m.size, m.variant), (a.is_current, a.created)) AS label,
    arg_max(m.corpus, (a.is_current, a.created)) AS corpus,
    arg_max(m.size, (a.is_current, a.created)) AS size,
    arg_max(m.variant, (a.is_current, a.created)) AS variant,
    any_value(m.parameters) AS parameters,
    any_value(m.training_tokens) AS training_tokens,
    count(*)::INTEGER AS models,
    bool_or(a.is_current) AS is_current
FROM model AS m
JOIN artifact AS a ON a.artifact = m.model
GROUP BY m.model_class
ORDER BY label, m.model_class;

-- Corrected p. Holm (1979) steps down from the smallest p and keeps the running maximum;
-- Benjamini and Hochberg (1995) step up from the largest and keep the running minimum. Both end
-- at 1. Only claims of the current study count as tests.
CREATE TEMP TABLE corrected AS
WITH ranked AS (
    SELECT
        c.artifact,
        c.contrast,
        c.is_primary,
        c.p,
        row_number() OVER kind AS place,
        count(*) OVER (PARTITION BY c.is_primary) AS tests
    FROM contrast AS c
    JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current
    WHERE c.p IS NOT NULL AND NOT isnan(c.p)
    WINDOW kind AS (PARTITION BY c.is_primary ORDER BY c.p, c.artifact, c.contrast)
)
SELECT
    artifact,
    contrast,
    CASE
        WHEN is_primary THEN max(least(1, p * (tests - place + 1))) OVER (
            PARTITION BY is_primary ORDER BY place
        )
        ELSE min(least(1, p * tests / place)) OVER (PARTITION BY is_primary ORDER BY place DESC)
    END AS q
FROM ranked;
UPDATE contrast SET q = NULL;
UPDATE contrast SET q = corrected.q
FROM corrected
WHERE corrected.artifact = contrast.artifact AND corrected.contrast = contrast.contrast;
DROP TABLE corrected;
