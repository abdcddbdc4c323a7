-- How much of the gradient serves later positions?
SELECT
    corpus,
    size,
    weights,
    round(100 * rest, 1) AS percent_for_later,
    round(100 * (1 - high), 1) AS low,
    round(100 * (1 - low), 1) AS high,
    round(rest_norm / nullif(norm, 0), 3) AS later_over_present,
    round(rest_cosine, 3) AS cosine,
    models
FROM gradient_share
WHERE gamma = 0 AND level = 'window'
ORDER BY corpus, size, weights = 'all' DESC, gradient_share.rest DESC, weights;
