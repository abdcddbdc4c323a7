-- What the results of this study rest on: artifacts, their digest, seconds and hardware
SELECT count(*) AS artifacts,
    left(md5(string_agg(artifact, ' ' ORDER BY artifact)), 12) AS digest,
    sum(wall_seconds) AS wall_seconds,
    sum(cpu_seconds) AS cpu_seconds,
    max(peak_memory_bytes) AS peak_memory_bytes,
    sum(payload_bytes)::BIGINT AS payload_bytes,
    string_agg(DISTINCT environment ->> 'processor', ', ') AS processors,
    string_agg(DISTINCT environment ->> 'cores', ', ') AS cores,
    string_agg(DISTINCT environment ->> 'gpu', ', ') AS gpus,
    max(environment -> 'packages' ->> 'manymasks') AS version
FROM artifact
WHERE is_current;
