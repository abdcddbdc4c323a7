-- Classes of members, with their training budget, losses and divergence between seeds
SELECT l.corpus, l.size, l.variant, l.parameters, l.models, l.failed, l.nats, l.sd_nats,
    l.best_nats, l.bits_per_byte, t.learning_rate, t.steps, t.tokens, s.kl, s.low AS kl_low,
    s.high AS kl_high, w.members, w.candidates, w.eps, w.eps_unit
FROM leaderboard AS l
LEFT JOIN (
    SELECT m.label, max(c.learning_rate) AS learning_rate, max(c.step) AS steps,
        max(c.tokens) AS tokens
    FROM training_curve AS c JOIN current_model AS m USING (model)
    GROUP BY m.label
) AS t ON t.label = concat_ws('/', l.corpus, l.size, l.variant)
LEFT JOIN severity_curve AS s ON s.label = concat_ws('/', l.corpus, l.size, l.variant) AND s.is_text
LEFT JOIN widest_set AS w
    ON w.label = concat_ws('/', l.corpus, l.size, l.variant) AND w.method = 'trained'
ORDER BY l.corpus, l.parameters, l.variant;
