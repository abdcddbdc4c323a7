CREATE VIEW text_spectrum_by_class AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        s.predictor,
        s.number,
        avg(s.re) AS re,
        stddev_samp(s.re) AS sd,
        avg(abs(s.im)) AS im,
        avg(s.re_error) AS re_error,
        avg(s.held_out) AS held_out,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM text_spectrum AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    JOIN current_model AS m ON m.model = s.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    predictor,
    number,
    re,
    re - half_width * sd AS re_low,
    re + half_width * sd AS re_high,
    im,
    re_error,
    held_out,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY label, predictor <> 'member', predictor, number;
COMMENT ON VIEW text_spectrum_by_class IS 'A class on text, or what stands beside it, with an eigenvalue by rank, mean over members: is there more that its members carry on than the last token explains? Grain: corpus, size, variant, predictor, number.';
COMMENT ON COLUMN text_spectrum_by_class.predictor IS 'member, exchanged (prompts with the same last token), independent (noise as large as the divergence of two seeds) or untrained (one member at initialisation)';
COMMENT ON COLUMN text_spectrum_by_class.number IS 'Rank of the eigenvalue by its real part, from 1';
COMMENT ON COLUMN text_spectrum_by_class.re IS 'Real part, mean over members';
COMMENT ON COLUMN text_spectrum_by_class.re_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN text_spectrum_by_class.im IS 'Modulus of the imaginary part, mean over members';
COMMENT ON COLUMN text_spectrum_by_class.re_error IS 'Standard error of the real part of one member over documents, mean';
COMMENT ON COLUMN text_spectrum_by_class.held_out IS 'Slope on documents that the coordinate was not fitted on, mean over members where it is real';
