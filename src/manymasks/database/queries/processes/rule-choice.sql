-- Known processes: which of two rules, equal on the training data, did the seeds learn?
SELECT
    label,
    answered,
    question,
    rule,
    round(mean, 2) AS mean,
    round(mean_low, 2) AS low,
    round(mean_high, 2) AS high,
    round(lowest, 2) AS lowest,
    round(highest, 2) AS highest,
    round(sign_p, 2) AS sign_p,
    round(from_init, 2) AS from_init,
    round(from_init_low, 2) AS init_low,
    round(from_init_high, 2) AS init_high
FROM rule_choice_over_seeds
ORDER BY question, answered, label;
