-- What do members on text carry from token to token, beyond what the last token explains?
SELECT
    label,
    number,
    round(max(re) FILTER (WHERE predictor = 'member'), 3) AS member,
    round(max(re_low) FILTER (WHERE predictor = 'member'), 3) AS low,
    round(max(re_high) FILTER (WHERE predictor = 'member'), 3) AS high,
    round(max(held_out) FILTER (WHERE predictor = 'member'), 3) AS held_out,
    round(max(re) FILTER (WHERE predictor = 'exchanged'), 3) AS exchanged,
    round(max(re_high) FILTER (WHERE predictor = 'exchanged'), 3) AS exchanged_high,
    round(max(held_out) FILTER (WHERE predictor = 'exchanged'), 3) AS exchanged_held_out,
    round(max(re) FILTER (WHERE predictor = 'independent'), 3) AS noisy,
    round(max(re) FILTER (WHERE predictor = 'untrained'), 3) AS untrained,
    max(models) AS models
FROM text_spectrum_by_class
GROUP BY label, number
ORDER BY label, number;
