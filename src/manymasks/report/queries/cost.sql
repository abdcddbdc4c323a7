-- Cost of each stage
SELECT stage, artifacts, wall_seconds, cpu_seconds, peak_memory_bytes, payload_bytes
FROM stage_cost
ORDER BY wall_seconds DESC, stage;
