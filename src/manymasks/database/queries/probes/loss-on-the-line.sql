-- Do losses on text predict losses on a probe, even where behaviour differs?
WITH behaviour AS (
    SELECT corpus, probe, severity, avg(kl) AS kl, avg(entropy_share) AS entropy_share
    FROM severity_curve
    GROUP BY corpus, probe, severity
)
SELECT
    l.corpus,
    l.probe,
    l.severity,
    round(l.slope, 3) AS slope,
    round(l.r2, 3) AS r2,
    round(l.r2_low, 3) AS r2_low,
    round(l.r2_high, 3) AS r2_high,
    round(l.residual_sd, 4) AS residual_sd,
    round(l.times_noise, 2) AS times_noise,
    round(b.kl, 4) AS seed_kl,
    round(100 * b.entropy_share, 1) AS percent_of_entropy,
    l.models
FROM on_the_line AS l
LEFT JOIN behaviour AS b USING (corpus, probe, severity)
QUALIFY l.severity = max(l.severity) OVER (PARTITION BY l.corpus, l.probe)
ORDER BY l.corpus, l.probe;
