-- Environments of the current artifacts
SELECT environment::VARCHAR AS environment, count(*) AS artifacts, max(created) AS latest
FROM artifact
WHERE is_current
GROUP BY environment::VARCHAR
ORDER BY latest DESC, environment;
