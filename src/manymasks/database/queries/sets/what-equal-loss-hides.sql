-- Which pairs of models have nearly equal loss but behave most differently?
WITH tightest AS (
    SELECT label, first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY label
),
member AS (
    SELECT model, format('i{}-o{}', seed_init, seed_order) AS seeds FROM current_model
)
SELECT
    label,
    least(a.seeds, b.seeds) AS one,
    greatest(a.seeds, b.seeds) AS other,
    CASE
        WHEN same_init AND same_order THEN 'both'
        WHEN same_init THEN 'weights'
        WHEN same_order THEN 'order'
        ELSE 'nothing'
    END AS they_share,
    round(eps_nats, 4) AS eps_on_select,
    round(abs(visible), 5) AS visible,
    round(hidden, 4) AS hidden,
    round(hidden_ratio)::INTEGER AS hidden_ratio,
    round(kl, 4) AS kl,
    round(100 * (1 - top1_agreement), 1) AS percent_other_top1
FROM equal_loss_pairs
JOIN tightest USING (label, rashomon_set)
JOIN member AS a ON a.model = model_a
JOIN member AS b ON b.model = model_b
ORDER BY equal_loss_pairs.hidden DESC, label, one, other
LIMIT 10;
