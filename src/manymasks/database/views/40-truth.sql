CREATE VIEW current_excess AS
SELECT
    m.model,
    m.label,
    m.corpus,
    m.size,
    m.variant,
    m.seed_init,
    m.seed_order,
    x.process,
    x.stratum,
    x.level,
    x.nats,
    x.nats_low,
    x.nats_high,
    x.tokens,
    x.documents,
    x.effective_documents
FROM excess_loss AS x
JOIN artifact AS e ON e.artifact = x.artifact AND e.is_current
JOIN current_model AS m ON m.model = x.model;
COMMENT ON VIEW current_excess IS 'A member on a stratum of tokens of a known process, with its loss above the exact predictor: how far from the optimum is it, and where? Grain: model, stratum, level.';
COMMENT ON COLUMN current_excess.nats IS 'Mean KL from the exact predictor to the member, nats per token';
COMMENT ON COLUMN current_excess.nats_low IS 'Lower end of its interval over documents; NULL by position';

CREATE VIEW price_ladder AS
SELECT
    p.corpus,
    'capability' AS kind,
    p.capability AS name,
    NULL AS seed_init,
    NULL AS seed_order,
    p.nats,
    p.nats_low,
    p.nats_high,
    p.exact,
    p.documents
FROM capability_price AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
WHERE p.stratum = 'all'
UNION ALL
SELECT
    corpus,
    'member' AS kind,
    label AS name,
    seed_init,
    seed_order,
    nats,
    nats_low,
    nats_high,
    NULL AS exact,
    documents
FROM current_excess
WHERE stratum = 'all';
COMMENT ON VIEW price_ladder IS 'A capability of the exact predictor or a member, on one scale of loss above the truth: which capabilities could a member lack? Over all scored tokens; in masks this includes the premise, so a price per letter is 63/62 of the one here. Grain: corpus, kind, name, seed_init, seed_order.';
COMMENT ON COLUMN price_ladder.kind IS 'capability (the exact predictor without it) or member';
COMMENT ON COLUMN price_ladder.name IS 'The capability, or the label of the member''s class';
COMMENT ON COLUMN price_ladder.seed_init IS 'Seed of the initial weights of a member';
COMMENT ON COLUMN price_ladder.seed_order IS 'Seed of the data order of a member';
COMMENT ON COLUMN price_ladder.nats IS 'Mean KL from the exact predictor on the measured documents, nats per token';
COMMENT ON COLUMN price_ladder.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN price_ladder.exact IS 'Of a capability: its price, the expectation of nats';

CREATE VIEW capability_sets AS
WITH inside AS (
    SELECT i.artifact, i.share, i.model, m.size, m.variant
    FROM priced_member AS i
    JOIN current_model AS m ON m.model = i.model
    WHERE i.is_member
)
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.share,
    s.eps,
    s.cheapest,
    s.members,
    s.at_edge,
    s.candidates,
    p.capability,
    p.exact AS price,
    coalesce(p.exact <= s.eps, false) AS may_lack,
    CASE
        WHEN any_value(s.members) > 0 THEN count(*) FILTER (WHERE k.kept_high < 1)
    END AS reduced,
    CASE
        WHEN any_value(s.members) > 0 THEN count(*) FILTER (WHERE k.kept_high < 0.5)
    END AS lost,
    avg(k.kept) AS mean_kept
FROM priced_set AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN (
    SELECT c.*
    FROM capability_price AS c
    JOIN artifact AS t ON t.artifact = c.artifact AND t.is_current
) AS p
    ON p.corpus = s.corpus AND p.stratum = 'all'
LEFT JOIN inside AS i
    ON i.artifact = s.artifact AND i.share = s.share AND i.size = s.size AND i.variant = s.variant
LEFT JOIN capability_kept AS k
    ON k.artifact = s.artifact AND k.model = i.model AND k.capability = p.capability
GROUP BY ALL;
COMMENT ON VIEW capability_sets IS 'A capability and a threshold that is a share of the cheapest price, with what members within it keep of it: what may an equally good member lack, and does it? Prices and thresholds are over all scored tokens, the premise of masks included. Grain: corpus, size, variant, share, capability.';
COMMENT ON COLUMN capability_sets.share IS 'Threshold / price of the cheapest capability';
COMMENT ON COLUMN capability_sets.eps IS 'The threshold in nats per token';
COMMENT ON COLUMN capability_sets.at_edge IS 'Candidates whose membership is undecided';
COMMENT ON COLUMN capability_sets.capability IS 'Capability in question';
COMMENT ON COLUMN capability_sets.price IS 'Its exact price, nats per token; NULL where it is infinite';
COMMENT ON COLUMN capability_sets.may_lack IS 'Whether the threshold allows a member without it: its price is at most the threshold';
COMMENT ON COLUMN capability_sets.reduced IS 'Members of the set with a reduced capability: whole interval of kept below 1; NULL for an empty set';
COMMENT ON COLUMN capability_sets.lost IS 'Members of the set that lost more than half of the capability: whole interval of kept below 0.5; NULL for an empty set';
COMMENT ON COLUMN capability_sets.mean_kept IS 'Mean of kept over members of the set; NULL for an empty set';

CREATE VIEW myopia_by_demand AS
WITH demand AS (
    SELECT d.*
    FROM demand_gap AS d
    JOIN artifact AS e ON e.artifact = d.artifact AND e.is_current
    WHERE d.stratum IN ('answers by W', 'role')
),
control AS (
    SELECT * FROM demand WHERE control_of IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY control_of, size, baseline, variant, stratum, level ORDER BY corpus
    ) = 1
)
SELECT
    d.corpus,
    d.process,
    d.control_of,
    d.size,
    d.baseline,
    d.variant,
    d.stratum,
    d.level,
    d.baseline_nats,
    d.baseline_low,
    d.baseline_high,
    d.variant_nats,
    d.variant_low,
    d.variant_high,
    d.gap,
    d.gap_low,
    d.gap_high,
    d.ceiling,
    CASE WHEN d.ceiling >= 1e-6 THEN 1 - d.variant_nats / d.ceiling END AS recovered,
    CASE WHEN d.ceiling >= 1e-6 THEN 1 - d.variant_high / d.ceiling END AS recovered_low,
    CASE WHEN d.ceiling >= 1e-6 THEN 1 - d.variant_low / d.ceiling END AS recovered_high,
    c.gap AS control_gap,
    c.gap_low AS control_low,
    c.gap_high AS control_high,
    d.baseline_binding,
    d.baseline_rate_low,
    d.baseline_rate_high,
    d.variant_binding,
    d.variant_rate_low,
    d.variant_rate_high,
    d.models,
    d.documents,
    d.effective_documents
FROM demand AS d
LEFT JOIN control AS c
    ON c.control_of = d.process
    AND c.size = d.size
    AND c.baseline = d.baseline
    AND c.variant = d.variant
    AND c.stratum = d.stratum
    AND c.level = d.level;
COMMENT ON VIEW myopia_by_demand IS 'A variant against its baseline by what a position demands, such as the number of pairs to bind, beside the exact cost without binding and the control process: is the gap work done ahead? Grain: corpus, size, baseline, variant, stratum, level.';
COMMENT ON COLUMN myopia_by_demand.stratum IS 'answers by W, the pairs in a block, or role';
COMMENT ON COLUMN myopia_by_demand.baseline_nats IS 'Mean excess loss of the baseline, nats per token';
COMMENT ON COLUMN myopia_by_demand.variant_nats IS 'Mean excess loss of the variant';
COMMENT ON COLUMN myopia_by_demand.gap IS 'variant_nats minus baseline_nats';
COMMENT ON COLUMN myopia_by_demand.gap_low IS 'Lower end of its interval over pairs of models and documents';
COMMENT ON COLUMN myopia_by_demand.recovered IS '1 - variant_nats / ceiling: the share of the binding that the variant recovers; NULL if the ceiling is below 1e-6';
COMMENT ON COLUMN myopia_by_demand.recovered_low IS 'Lower end of its interval, from the upper end of variant_nats';
COMMENT ON COLUMN myopia_by_demand.control_gap IS 'The same gap on the control of the process, the first such corpus by name; NULL without one';
COMMENT ON COLUMN myopia_by_demand.control_low IS 'Lower end of the interval of control_gap';
COMMENT ON COLUMN myopia_by_demand.models IS 'Pairs of members with the same seeds';
COMMENT ON COLUMN myopia_by_demand.documents IS 'Documents with such tokens';

CREATE VIEW spread_by_position AS
SELECT
    s.corpus,
    s.size,
    s.variant,
    s.position,
    s.kl,
    s.kl_low,
    s.kl_high,
    s.js,
    s.floor,
    t.entropy,
    t.latent,
    t.posterior_entropy,
    s.models,
    s.documents
FROM position_spread AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN (
    SELECT p.*
    FROM process_truth AS p
    JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
) AS t
    ON t.corpus = s.corpus AND t.position = s.position;
COMMENT ON VIEW spread_by_position IS 'A class at a length of the prompt, with the divergence of its members beside the exact entropy that the prompt leaves: do longer prompts bring seeds together? Grain: corpus, size, variant, position.';
COMMENT ON COLUMN spread_by_position.position IS 'Position of the predicted token: the number of tokens before it';
COMMENT ON COLUMN spread_by_position.kl IS 'Mean KL between two members, over ordered pairs, nats';
COMMENT ON COLUMN spread_by_position.kl_low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN spread_by_position.js IS 'Mean Jensen-Shannon divergence of pairs, nats';
COMMENT ON COLUMN spread_by_position.floor IS 'Noise floor: KL between a member and itself at another batch size, the maximum over members';
COMMENT ON COLUMN spread_by_position.entropy IS 'Mean exact entropy of the token, nats';
COMMENT ON COLUMN spread_by_position.latent IS 'Latent variable; in masks the mask';
COMMENT ON COLUMN spread_by_position.posterior_entropy IS 'Mean exact entropy of the latent given the tokens before, nats; NULL before it has any effect';

CREATE VIEW erosion AS
SELECT
    x.corpus,
    x.size,
    x.variant,
    m.gradient,
    m.learning_rate,
    x.seed_init,
    x.seed_order,
    x.process,
    x.stratum,
    x.level,
    s.nats AS start_nats,
    x.nats,
    x.nats - s.nats AS eroded,
    p.exact AS ceiling
FROM current_excess AS x
JOIN model AS m ON m.model = x.model AND m.method = 'fine-tuned'
LEFT JOIN current_excess AS s
    ON s.model = m.parent AND s.stratum = x.stratum AND s.level = x.level
LEFT JOIN (
    SELECT c.*
    FROM capability_price AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
) AS p
    ON p.corpus = x.corpus
    AND p.capability = 'no-binding'
    AND p.stratum = x.stratum
    AND p.level = x.level;
COMMENT ON VIEW erosion IS 'A fine-tuned member beside the member that it started from, by stratum: does a myopic gradient unlearn what another gradient learned? Grain: corpus, size, variant, seed_init, seed_order, stratum, level.';
COMMENT ON COLUMN erosion.learning_rate IS 'Peak learning rate of the fine-tuning';
COMMENT ON COLUMN erosion.seed_init IS 'Seed of the initial weights of the member it started from';
COMMENT ON COLUMN erosion.start_nats IS 'Excess loss of the member it started from, nats per token';
COMMENT ON COLUMN erosion.nats IS 'Excess loss of the fine-tuned member';
COMMENT ON COLUMN erosion.eroded IS 'nats minus start_nats: above 0 if something was lost';
