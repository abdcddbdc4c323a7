-- Does fine-tuning on one mask move the masks or the machinery, and is evidence still read?
WITH last AS (
    SELECT corpus, size, variant, max(step) AS step FROM shift_or_machinery GROUP BY ALL
)
SELECT
    s.label,
    s.step,
    s.share_one AS value,
    s.share_low AS low,
    s.share_high AS high,
    s.residual,
    s.base_residual,
    s.identified,
    s.models,
    s.documents
FROM shift_or_machinery AS s
SEMI JOIN last USING (corpus, size, variant, step)
WHERE s.arm = 'one mask' AND s.share_one IS NOT NULL
ORDER BY s.label;
