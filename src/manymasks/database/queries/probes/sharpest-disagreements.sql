-- At which tokens of sampled text do two equally good models differ most, and what does each say?
WITH equal AS (
    SELECT model_a, model_b, first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY model_a, model_b
),
read AS (
    SELECT
        artifact,
        severity,
        item,
        position,
        document,
        token,
        string_agg(token, '') OVER (
            PARTITION BY artifact, severity, item
            ORDER BY position
            ROWS BETWEEN 10 PRECEDING AND 1 PRECEDING
        ) AS context
    FROM explored_token
)
SELECT
    right(r.context, 32) AS context,
    r.token,
    a.token AS first_of_a,
    b.token AS first_of_b,
    round(a.p, 3) AS p_a,
    round(b.p, 3) AS p_b,
    round(k.kl, 2) AS kl,
    e.rashomon_set,
    r.document
FROM explored_pair AS k
JOIN artifact AS x ON x.artifact = k.artifact AND x.is_current
JOIN equal AS e ON e.model_a = k.model_a AND e.model_b = k.model_b
JOIN artifact_input AS i ON i.artifact = k.artifact AND i.role = 'probe'
JOIN current_probe AS c ON c.artifact = i.input AND c.severity = k.severity AND c.is_text
JOIN read AS r
    ON r.artifact = k.artifact AND r.severity = k.severity
    AND r.item = k.item AND r.position = k.position
JOIN explored_prediction AS a
    ON a.artifact = k.artifact AND a.severity = k.severity AND a.item = k.item
    AND a.position = k.position AND a.model = k.model_a AND a.rank = 1
JOIN explored_prediction AS b
    ON b.artifact = k.artifact AND b.severity = k.severity AND b.item = k.item
    AND b.position = k.position AND b.model = k.model_b AND b.rank = 1
WHERE k.path = 'text' AND a.token <> b.token
-- The pair of the largest KL at each token.
QUALIFY row_number() OVER (
    PARTITION BY k.artifact, k.item, k.position ORDER BY k.kl DESC, k.model_a, k.model_b
) = 1
ORDER BY k.kl DESC, r.document, r.position
LIMIT 20;
