-- Does averaging the members of a class gain as much as the next size does?
SELECT label, next_size, ensemble_gain AS value, gain_low AS low, gain_high AS high, headroom,
    remaining_low, remaining_high, models, documents, effective_documents
FROM headroom_test
SEMI JOIN text_corpus USING (corpus)
WHERE ensemble_gain IS NOT NULL AND headroom IS NOT NULL
ORDER BY label, next_size;
