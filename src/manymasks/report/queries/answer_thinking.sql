-- What does myopia cost an answer, with steps written and without?
SELECT
    t.answer_format,
    t.corpus AS label,
    t.difference AS value,
    t.difference_low AS low,
    t.difference_high AS high,
    t.nats,
    t.baseline_nats,
    b.prior,
    t.models,
    b.documents
FROM thinking_contrast AS t
JOIN thinking_by_format AS b USING (corpus, size, variant, answer_format)
WHERE t.contrast = 'myopic - causal' AND b.trained_format <> 'mixed'
ORDER BY t.answer_format <> 'steps', t.answer_format, t.corpus;
