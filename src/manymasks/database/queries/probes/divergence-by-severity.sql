-- How differently do equally good models behave, on held-out text and further away from it?
WITH tightest AS (
    SELECT label, first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY label
),
equally_good AS (
    SELECT label, probe, severity, avg(kl) AS kl
    FROM rashomon_divergence
    JOIN tightest USING (label, rashomon_set)
    GROUP BY label, probe, severity
),
loss AS (
    SELECT m.label, p.probe, p.severity, avg(p.nats) AS nats
    FROM model_probe AS p
    JOIN artifact AS a ON a.artifact = p.artifact AND a.is_current
    JOIN current_model AS m ON m.model = p.model
    GROUP BY m.label, p.probe, p.severity
)
SELECT
    s.label,
    s.probe,
    s.severity,
    round(s.changed, 2) AS context_changed,
    round(l.nats, 3) AS loss,
    round(g.kl, 4) AS kl_equally_good,
    round(s.kl, 4) AS kl_all_seeds,
    round(s.low, 4) AS low,
    round(s.high, 4) AS high,
    round(100 * s.entropy_share, 1) AS percent_of_entropy
FROM severity_curve AS s
LEFT JOIN equally_good AS g USING (label, probe, severity)
LEFT JOIN loss AS l USING (label, probe, severity)
QUALIFY s.severity IN (0, max(s.severity) OVER (PARTITION BY s.label, s.probe))
ORDER BY s.label, NOT s.is_text, s.probe, s.severity;
