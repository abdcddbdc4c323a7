-- After how many tokens do the texts of two seeds first differ?
SELECT
    label,
    mode,
    round(max(value) FILTER (WHERE metric = 'agreed_tokens'), 1) AS agreed_tokens,
    round(max(low) FILTER (WHERE metric = 'agreed_tokens'), 1) AS low,
    round(max(high) FILTER (WHERE metric = 'agreed_tokens'), 1) AS high,
    round(100 * max(value) FILTER (WHERE metric = 'censored'), 1) AS percent_never,
    round(100 * max(value) FILTER (WHERE metric = 'loops'), 1) AS percent_loops,
    round(max(value) FILTER (WHERE metric = 'sequence_kl'), 4) AS kl_on_own_text,
    round(max(value) FILTER (WHERE metric = 'text_kl'), 4) AS kl_on_real_text,
    any_value(models) AS models,
    any_value(documents) AS documents
FROM rollout_summary
WHERE is_within
GROUP BY label, mode
ORDER BY label, mode;
