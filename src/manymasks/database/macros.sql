-- Shortcuts for frequent questions. Views do not use them: inside a file that is attached under
-- another name, macros are not found.

CREATE MACRO bits(nats) AS nats / ln(2);
COMMENT ON MACRO bits IS 'Nats as bits';

CREATE MACRO pairs_of(model_key) AS TABLE
SELECT
    CASE WHEN model_a = model_key THEN model_b ELSE model_a END AS other,
    CASE WHEN model_a = model_key THEN class_b ELSE class_a END AS other_class,
    relation,
    probe,
    severity,
    kl,
    CASE WHEN model_a = model_key THEN visible ELSE -visible END AS visible,
    hidden,
    top1_agreement
FROM current_pair
WHERE model_key IN (model_a, model_b)
ORDER BY probe, severity, kl;
COMMENT ON MACRO TABLE pairs_of IS 'Pairwise divergences of one member from all others, with visible from its side';

CREATE MACRO ancestors(artifact_key) AS TABLE
SELECT ancestor, ancestor_stage, ancestor_label, distance
FROM lineage
WHERE artifact = artifact_key
ORDER BY distance, ancestor_stage, ancestor_label;
COMMENT ON MACRO TABLE ancestors IS 'Direct and indirect inputs of an artifact, nearest first';

CREATE MACRO setting(artifact_key, path) AS TABLE
SELECT artifact, stage, label, json_extract_string(settings, path) AS setting
FROM artifact
WHERE artifact = artifact_key;
COMMENT ON MACRO TABLE setting IS 'One setting of an artifact, by JSON path such as $.training.steps';
