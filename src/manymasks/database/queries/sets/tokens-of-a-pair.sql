-- On which tokens do the two equally good models differ that hide the most?
WITH tightest AS (
    SELECT label, first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY label
),
-- For another pair, name its keys: pair AS (SELECT 'one' AS model_a, 'other' AS model_b).
pair AS (
    SELECT model_a, model_b
    FROM equal_loss_pairs
    JOIN tightest USING (label, rashomon_set)
    ORDER BY equal_loss_pairs.hidden DESC, label, model_a, model_b
    LIMIT 1
)
SELECT
    right(p.context, 40) AS context,
    p.token,
    a.first_token AS first_of_a,
    b.first_token AS first_of_b,
    round(exp(a.log_p), 4) AS p_a,
    round(exp(b.log_p), 4) AS p_b,
    p.document
FROM pair
JOIN current_pair AS c ON c.model_a = pair.model_a AND c.model_b = pair.model_b AND c.is_text
JOIN position_divergence AS p ON p.artifact = c.artifact AND p.severity = c.severity
JOIN position_prediction AS a
    ON a.artifact = p.artifact AND a.severity = p.severity
    AND a.item = p.item AND a.position = p.position AND a.model = pair.model_a
JOIN position_prediction AS b
    ON b.artifact = p.artifact AND b.severity = p.severity
    AND b.item = p.item AND b.position = p.position AND b.model = pair.model_b
ORDER BY abs(a.log_p - b.log_p) DESC, p.document, p.position
LIMIT 20;
