-- Shares of the variance within a class due to each seed
SELECT corpus, size, variant, parameters, measure, component, share, low, high, p, models
FROM variance_components
WHERE corpus IN (FROM text_corpus) AND share IS NOT NULL AND NOT isnan(share)
ORDER BY corpus, measure, parameters, size, variant, component = 'rest', component;
