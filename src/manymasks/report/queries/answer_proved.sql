-- Which share of tokens is proved to stay below one half after any prefix?
SELECT label, threshold, proved AS value, low, high, refuted, open, models
FROM provable_share
WHERE is_final AND threshold = 0.5
ORDER BY parameters DESC, label;
