-- Which pairs have nearly equal loss but hide the most?
WITH tightest AS (
    SELECT label, arg_min(rashomon_set, (eps_nats, rashomon_set)) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY label
)
SELECT
    label,
    model_a,
    model_b,
    round(abs(visible), 5) AS visible,
    round(hidden, 4) AS hidden,
    round(hidden_ratio)::INTEGER AS hidden_ratio,
    round(kl, 4) AS kl,
    round(100 * (1 - top1_agreement), 1) AS percent_other_top1
FROM equal_loss_pairs
JOIN tightest USING (label, rashomon_set)
ORDER BY equal_loss_pairs.hidden DESC, model_a, model_b
LIMIT 10;
