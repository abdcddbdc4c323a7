-- Known processes: which of two rules did the seeds learn that training never told apart?
SELECT
    label,
    eps,
    question,
    rule,
    members,
    round(mean, 2) AS mean,
    round(mean_low, 2) AS low,
    round(mean_high, 2) AS high,
    round(sd, 2) AS sd,
    round(lowest, 2) AS lowest,
    round(highest, 2) AS highest,
    round(sign_p, 2) AS sign_p,
    round(dip_p, 2) AS dip_p,
    round(from_init, 2) AS from_init
FROM rule_choice_over_seeds
ORDER BY question, eps, label;
