-- Which learning rates were chosen, and was the grid wide enough?
SELECT
    label,
    max(learning_rate) FILTER (WHERE is_chosen) AS learning_rate,
    round(max(nats) FILTER (WHERE is_chosen), 4) AS nats,
    round(max(sd_nats) FILTER (WHERE is_chosen), 4) AS sd,
    arg_min(learning_rate, nats) FILTER (WHERE NOT is_chosen AND failed = 0) AS next_best,
    round(min(excess_nats) FILTER (WHERE NOT is_chosen AND failed = 0), 4) AS worse_by,
    list(learning_rate ORDER BY learning_rate) AS tried,
    sum(failed)::INTEGER AS failed,
    CASE max(edge)
        WHEN 'lowest' THEN 'no: add lower rates'
        WHEN 'highest' THEN 'no: add higher rates'
        ELSE 'yes'
    END AS wide_enough
FROM tuning_summary
GROUP BY label
ORDER BY label;
