-- Tables and columns that follow from the loaded rows.

-- Current artifacts take their names from their labels, training/corpus/size/variant/seeds: a
-- corpus, size or variant may have been renamed since they were made.
UPDATE model SET
    corpus = split_part(label, '/', 2),
    size = split_part(label, '/', 3),
    variant = split_part(label, '/', 4)
FROM artifact
WHERE artifact.artifact = model.artifact AND artifact.is_current;
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

-- A renamed class has its current name, otherwise its latest.
INSERT INTO model_class BY NAME
SELECT
    m.model_class,
    arg_max(concat_ws('/', m.corpus, m.size, m.variant), (a.is_current, a.created)) AS label,
    arg_max(m.corpus, (a.is_current, a.created)) AS corpus,
    arg_max(m.size, (a.is_current, a.created)) AS size,
    arg_max(m.variant, (a.is_current, a.created)) AS variant,
    any_value(m.parameters) AS parameters,
    max(m.training_tokens) AS training_tokens,
    (count(*) FILTER (WHERE m.method IN ('trained', 'fine-tuned', 'pretrained')))::INTEGER AS models,
    bool_or(a.is_current) AS is_current
FROM model AS m
JOIN artifact AS a ON a.artifact = m.artifact
-- Reference seeds belong to no class.
WHERE NOT EXISTS (
    SELECT 1
    FROM artifact_input AS i
    JOIN artifact AS s ON s.artifact = i.artifact AND s.is_current = a.is_current
    WHERE i.input = m.model
        AND (i.role = 'reference' OR (s.stage = 'self_written' AND i.role = 'training'))
)
GROUP BY m.model_class
ORDER BY label, m.model_class;

ALTER TABLE contrast ADD COLUMN is_primary BOOLEAN;
ALTER TABLE contrast ADD COLUMN is_copy BOOLEAN;
ALTER TABLE contrast ADD COLUMN q DOUBLE;
COMMENT ON COLUMN contrast.is_primary IS 'Named in the study before the run; all others are exploratory';
COMMENT ON COLUMN contrast.q IS 'p after correction over the current contrasts of its kind: Holm for primary ones, Benjamini-Yekutieli for the rest; NULL for a copy';
COMMENT ON COLUMN contrast.is_copy IS 'The same claim with the same numbers stands in an earlier row, such as that of another probe whose severity 0 has the same windows; counted once';
UPDATE contrast SET is_primary = EXISTS (
    SELECT 1
    FROM primary_claim AS p
    JOIN artifact AS a ON a.artifact = contrast.artifact AND a.is_current
    WHERE p.exploratory IS NULL
        AND p.claim = contrast.claim
        AND p.corpus = contrast.corpus
        AND p.subject = contrast.subject
        AND p.baseline = contrast.baseline
        AND p.within = contrast.within
        AND p.probe IS NOT DISTINCT FROM contrast.probe
        AND p.severity IS NOT DISTINCT FROM contrast.severity
);

UPDATE contrast SET is_copy = copies.copy_rank > 1
FROM (
    SELECT
        c.rowid AS contrast_row,
        row_number() OVER (
            PARTITION BY
                c.claim, c.corpus, c.subject, c.baseline, c.within, c.within_baseline, c.estimate,
                c.low, c.high, c.p, a.is_current
            ORDER BY c.is_primary DESC, c.severity, c.probe, c.rowid
        ) AS copy_rank
    FROM contrast AS c
    JOIN artifact AS a ON a.artifact = c.artifact
) AS copies
WHERE copies.contrast_row = contrast.rowid;

-- Artifacts from before derived members and before resampled sets.
UPDATE rashomon_set SET method = 'trained' WHERE method IS NULL;
UPDATE rashomon_metric SET weighting = 'hard' WHERE weighting IS NULL;
