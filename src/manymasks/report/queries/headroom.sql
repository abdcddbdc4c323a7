-- Gain by averaging the members of a class, beside the headroom to the next size
SELECT h.*, c.parameters
FROM headroom_test AS h
LEFT JOIN model_class AS c ON c.label = h.label AND c.is_current
WHERE h.corpus IN (FROM text_corpus)
ORDER BY h.corpus, h.variant, c.parameters, h.label;
