-- What averaging the members of a class gains, beside what the next size has to offer
SELECT h.*, c.parameters
FROM headroom_test AS h
LEFT JOIN model_class AS c ON c.label = h.label AND c.is_current
WHERE h.corpus IN (FROM text_corpus)
ORDER BY h.corpus, h.variant, c.parameters, h.label;
