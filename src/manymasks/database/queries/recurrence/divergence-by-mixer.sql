-- Do architectures diverge more than seeds of one of them?
SELECT
    a.corpus,
    p.probe,
    p.severity,
    CASE WHEN p.relation = 'seed' THEN 'two seeds, ' || a.mixer ELSE 'attention and recurrent' END
        AS pair,
    round(avg(p.kl), 4) AS kl,
    round(avg(p.js), 4) AS js,
    round(100 * avg(p.top1_agreement), 1) AS percent_same_first,
    count(*) AS pairs
FROM current_pair AS p
JOIN current_model AS a ON a.model = p.model_a
WHERE p.relation IN ('seed', 'mixer')
GROUP BY ALL
ORDER BY a.corpus, p.probe, p.severity, kl DESC;
