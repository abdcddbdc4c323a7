-- Letters until the second mask of a spliced document outweighs the first: members and Bayes
SELECT corpus, size, variant, before, median, median_lowest, median_highest, bayes, medians, models
FROM mask_inertia_by_class
WHERE median IS NOT NULL OR bayes IS NOT NULL
ORDER BY corpus, size, variant, before;
