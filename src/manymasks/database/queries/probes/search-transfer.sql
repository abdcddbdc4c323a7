-- Does the disagreement found by a search transfer to members with other initial weights?
SELECT
    label,
    probe,
    generations,
    evaluations,
    round(searched, 4) AS searched_half,
    round(unseen, 4) AS other_half,
    round(unseen_low, 4) AS low,
    round(unseen_high, 4) AS high,
    round(100 * carried_over) AS percent_carried_over,
    round(ngram_nats, 2) AS ngram_nats,
    searched_models,
    unseen_models
FROM search_gain
ORDER BY label, probe, generations;
