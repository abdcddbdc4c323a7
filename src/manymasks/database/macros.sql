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

CREATE MACRO pair_tokens(one, other) AS TABLE
SELECT
    a.probe,
    a.severity,
    p.document,
    p.context,
    p.token,
    a.first_token AS first_of_one,
    b.first_token AS first_of_other,
    exp(a.log_p) AS p_one,
    exp(b.log_p) AS p_other,
    a.log_p - b.log_p AS visible
FROM position_prediction AS a
JOIN position_prediction AS b USING (artifact, severity, item, position)
JOIN position_divergence AS p USING (artifact, severity, item, position)
JOIN artifact AS e ON e.artifact = a.artifact AND e.is_current
WHERE a.model = one AND b.model = other
ORDER BY a.probe, a.severity, abs(a.log_p - b.log_p) DESC, p.document, p.position;
COMMENT ON MACRO TABLE pair_tokens IS 'Tokens on which two given members differ, those with the largest log ratio of their probabilities first, by probe and severity: sampled positions, as many as divergence.shown';

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
