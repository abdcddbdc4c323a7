-- Are members calibrated, on text and away from it?
SELECT
    label,
    probe,
    severity,
    round(avg(confidence), 3) AS confidence,
    round(avg(accuracy), 3) AS accuracy,
    round(avg(overconfidence), 3) AS overconfidence,
    round(avg(calibration_error), 3) AS calibration_error,
    round(stddev_samp(calibration_error), 4) AS sd_over_members,
    count(*) AS models
FROM calibration
GROUP BY label, probe, severity, is_text
QUALIFY severity IN (0, max(severity) OVER (PARTITION BY label, probe))
ORDER BY label, NOT is_text, probe, severity;
