-- What did the study cost, by stage?
SELECT
    stage,
    artifacts,
    round(wall_seconds, 1) AS wall_seconds,
    round(cpu_seconds, 1) AS cpu_seconds,
    round(peak_memory_bytes / 1e9, 2) AS peak_gigabytes,
    round(payload_bytes / 1e6, 1) AS payload_megabytes
FROM stage_cost
ORDER BY wall_seconds DESC;
