-- Which method makes the most diverse members for its cost?
SELECT
    label,
    method,
    eps,
    concat(members, ' of ', candidates) AS inside,
    round(share_low, 2) AS share_low,
    round(share_high, 2) AS share_high,
    round(kl, 4) AS kl,
    round(kl_low, 4) AS kl_low,
    round(kl_high, 4) AS kl_high,
    round(seconds_per_member, 2) AS seconds_each,
    round(kl_per_second, 4) AS kl_per_second,
    round(parent_seconds, 1) AS parent_seconds
FROM method_yield
SEMI JOIN widest_set USING (label, reference)
SEMI JOIN text_corpus USING (corpus)
QUALIFY eps_unit = 'nats' AND eps = max(eps) FILTER (WHERE eps_unit = 'nats') OVER ()
ORDER BY label, method <> 'trained', method;
