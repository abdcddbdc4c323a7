-- The study in one row
SELECT
    (SELECT count(*) FROM current_model WHERE status = 'trained') AS models,
    (SELECT count(*) FROM current_model WHERE status <> 'trained') AS failed,
    (SELECT count(*) FROM leaderboard) AS classes,
    (SELECT min(kl) FROM severity_curve WHERE is_text) AS least_kl,
    (SELECT max(kl) FROM severity_curve WHERE is_text) AS most_kl,
    (SELECT avg(1 - top1_agreement) FROM current_pair WHERE is_text AND relation = 'seed')
        AS other_top1,
    (SELECT min(gap) FROM myopia_total) AS least_gap,
    (SELECT max(gap) FROM myopia_total) AS most_gap,
    (SELECT max(created) FROM artifact WHERE is_current) AS made;
