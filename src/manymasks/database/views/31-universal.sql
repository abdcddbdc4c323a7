-- Statements about every prefix: proved by a bound, refuted by a prefix, or open.

CREATE VIEW verdict AS
WITH threshold AS (
    SELECT
        artifact,
        unnest(
            from_json(json_extract(settings, '$.universal.thresholds'), '["DOUBLE"]')
        ) AS threshold
    FROM artifact
    WHERE stage = 'universal' AND is_current
),
best AS (
    SELECT
        artifact,
        model,
        token_id,
        max(log_p) AS log_p_best,
        arg_max(method, log_p) AS method,
        arg_max(prefix, log_p) AS prefix
    FROM witness
    GROUP BY artifact, model, token_id
)
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    b.model,
    m.seed_init,
    m.seed_order,
    b.token_id,
    b.token,
    b.occurrences,
    t.threshold,
    CASE
        WHEN b.log_p_bound <= ln(t.threshold) THEN 'proved'
        WHEN w.log_p_best > ln(t.threshold) THEN 'refuted'
        ELSE 'open'
    END AS verdict,
    b.log_p_bound,
    w.log_p_best,
    w.method,
    w.prefix
FROM universal_bound AS b
JOIN threshold AS t ON t.artifact = b.artifact
JOIN current_model AS m ON m.model = b.model
LEFT JOIN best AS w
    ON w.artifact = b.artifact AND w.model = b.model AND w.token_id = b.token_id
WHERE b.is_final;
COMMENT ON VIEW verdict IS 'A statement that a token has at most a probability after any prefix of any length, with its verdict for a member: is it proved, refuted by a prefix, or open? Grain: model, token_id, threshold.';
COMMENT ON COLUMN verdict.threshold IS 'Probability that the token does not exceed, by the statement';
COMMENT ON COLUMN verdict.verdict IS 'proved: the bound is at most the threshold. refuted: a prefix exceeds it. open: neither';
COMMENT ON COLUMN verdict.log_p_bound IS 'Proved: ln P(token | any prefix) is at most this, for the softmax of the float32 logits';
COMMENT ON COLUMN verdict.log_p_best IS 'ln P of the token after its best prefix';
COMMENT ON COLUMN verdict.method IS 'Method of the best prefix: text, short or search';
COMMENT ON COLUMN verdict.prefix IS 'The best prefix as text';

CREATE VIEW provable_share AS
WITH bound AS (
    SELECT
        b.model,
        b.step,
        b.is_final,
        v.threshold,
        avg((b.log_p_bound <= ln(v.threshold))::INT) AS proved,
        avg((b.log_p_bound <= ln(v.threshold))::INT)
            FILTER (WHERE b.occurrences > 0) AS proved_seen
    FROM universal_bound AS b
    JOIN artifact AS a ON a.artifact = b.artifact AND a.is_current
    CROSS JOIN (SELECT DISTINCT threshold FROM verdict) AS v
    GROUP BY b.model, b.step, b.is_final, v.threshold
),
decided AS (
    SELECT
        model,
        threshold,
        avg((verdict = 'refuted')::INT) AS refuted,
        avg((verdict = 'open')::INT) AS open
    FROM verdict
    GROUP BY model, threshold
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        any_value(m.parameters) AS parameters,
        b.threshold,
        b.step,
        b.is_final,
        avg(b.proved) AS proved,
        stddev_samp(b.proved) AS sd,
        min(b.proved) AS lowest,
        max(b.proved) AS highest,
        avg(b.proved_seen) AS proved_seen,
        avg(d.refuted) AS refuted,
        avg(d.open) AS open,
        count(*) AS models
    FROM bound AS b
    JOIN current_model AS m ON m.model = b.model
    LEFT JOIN decided AS d ON d.model = b.model AND d.threshold = b.threshold AND b.is_final
    GROUP BY m.label, m.corpus, m.size, m.variant, b.threshold, b.step, b.is_final
)
SELECT
    c.label,
    c.corpus,
    c.size,
    c.variant,
    c.parameters,
    c.threshold,
    c.step,
    c.is_final,
    c.proved,
    greatest(c.proved - i.half_width * c.sd, 0) AS low,
    least(c.proved + i.half_width * c.sd, 1) AS high,
    c.lowest,
    c.highest,
    c.proved_seen,
    c.refuted,
    c.open,
    c.models
FROM class AS c
LEFT JOIN mean_interval AS i ON i.n = c.models
ORDER BY c.corpus, c.parameters, c.size, c.variant, c.step, c.threshold;
COMMENT ON VIEW provable_share IS 'A class at a threshold and a training step: what share of the tokens provably has at most this probability after any prefix? Mean over members. Grain: label, threshold, step.';
COMMENT ON COLUMN provable_share.step IS 'Optimiser steps after which the weights were saved';
COMMENT ON COLUMN provable_share.is_final IS 'Whether they are the last weights';
COMMENT ON COLUMN provable_share.proved IS 'Share proved, mean over members';
COMMENT ON COLUMN provable_share.low IS 'Lower end of its t interval over members; NULL for a single one';
COMMENT ON COLUMN provable_share.proved_seen IS 'The share among tokens that occur in the train split: those that never do are often the first to be proved';
COMMENT ON COLUMN provable_share.refuted IS 'Share refuted, mean over members; NULL before the last step';
COMMENT ON COLUMN provable_share.open IS 'Share neither proved nor refuted, mean over members; NULL before the last step';

CREATE VIEW shared_proofs AS
SELECT
    s.rashomon_set,
    s.label,
    s.corpus,
    s.size,
    s.variant,
    s.reference,
    s.eps,
    s.eps_unit,
    s.eps_nats,
    m.members,
    m.threshold,
    m.statements,
    m.proved_mean,
    m.core / m.statements AS core,
    m.refuted / m.statements AS refuted,
    m.contested / m.statements AS contested,
    m.open / m.statements AS open,
    m.shared / m.statements AS shared,
    m.discrepancy,
    m.jaccard,
    m.jaccard_low,
    m.jaccard_high,
    m.jaccard_by_chance,
    m.correlation,
    m.correlation_low,
    m.correlation_high
FROM statement_multiplicity AS m
JOIN artifact AS e ON e.artifact = m.artifact AND e.is_current
JOIN current_set AS s ON s.rashomon_set = m.rashomon_set
ORDER BY s.reference, s.label, s.eps_nats, m.threshold;
COMMENT ON VIEW shared_proofs IS 'A Rashomon set and a threshold: do equally good members share what is proved of them? Shares of statements proved of all, refuted of all, contested and open, and the overlap of pairs beside chance. Grain: rashomon_set, threshold.';
COMMENT ON COLUMN shared_proofs.core IS 'Share of statements proved of every member';
COMMENT ON COLUMN shared_proofs.refuted IS 'Share of statements refuted of every member';
COMMENT ON COLUMN shared_proofs.contested IS 'Share of statements proved of a member and refuted of another';
COMMENT ON COLUMN shared_proofs.open IS 'Share of all other statements';
COMMENT ON COLUMN shared_proofs.shared IS 'Share of statements that one proof, the mean over the members, proves of every member';

CREATE VIEW pair_verdict AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    p.model,
    m.seed_init,
    m.seed_order,
    p.token_a_id,
    p.token_b_id,
    p.token_a,
    p.token_b,
    t.threshold,
    CASE
        WHEN p.log_p_bound <= ln(t.threshold) THEN 'proved'
        WHEN p.log_p_best > ln(t.threshold) THEN 'refuted'
        ELSE 'open'
    END AS verdict,
    p.log_p_bound,
    p.log_p_best,
    p.prefix
FROM never_both AS p
JOIN (SELECT DISTINCT model, threshold FROM verdict) AS t ON t.model = p.model
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN current_model AS m ON m.model = p.model
-- The lesser of two probabilities is at most 1/2 in any model.
WHERE t.threshold < 0.5;
COMMENT ON VIEW pair_verdict IS 'A statement that two tokens are never both more probable than a threshold, with its verdict for a member: is it proved, refuted by a prefix, or open? Thresholds below 1/2, above which it holds of any model. Grain: model, token_a_id, token_b_id, threshold.';
COMMENT ON COLUMN pair_verdict.threshold IS 'Probability that one of the two does not exceed, by the statement';
COMMENT ON COLUMN pair_verdict.log_p_bound IS 'Proved: after any prefix the lesser ln P of the two is at most this';
COMMENT ON COLUMN pair_verdict.verdict IS 'proved: the bound is at most the threshold. refuted: a prefix exceeds it. open: neither';

CREATE VIEW lead_verdict AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    f.model,
    m.seed_init,
    m.seed_order,
    f.token_id,
    f.token,
    f.occurrences,
    json_extract(e.settings, '$.universal.lead')::DOUBLE AS lead,
    CASE
        WHEN f.lead_bound <= json_extract(e.settings, '$.universal.lead')::DOUBLE THEN 'proved'
        WHEN f.lead_best > 0 THEN 'refuted'
        ELSE 'open'
    END AS verdict,
    f.lead_bound,
    f.lead_attained,
    f.lead_best,
    f.prefix
FROM never_first AS f
JOIN artifact AS e ON e.artifact = f.artifact AND e.is_current
JOIN current_model AS m ON m.model = f.model;
COMMENT ON VIEW lead_verdict IS 'A statement that a token is never ranked first, with its verdict for a member: is it proved, refuted by a prefix, or open? Grain: model, token_id.';
COMMENT ON COLUMN lead_verdict.lead IS 'Nats by which a token may be ahead of all others and still count as never ranked first';
COMMENT ON COLUMN lead_verdict.verdict IS 'proved: the bound of its lead is at most that. refuted: it is ranked first after a prefix. open: neither';

CREATE VIEW process_verdict AS
WITH best AS (
    SELECT
        s.*,
        least(s.log_p_bound, coalesce(a.log_p_bound, 0)) AS bound,
        greatest(s.log_p_possible, s.log_p_text) AS log_p_best
    FROM process_statement AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    LEFT JOIN last_token_bound AS a
        ON a.artifact = s.artifact
        AND a.model = s.model
        AND a.token_id = s.token_id
        AND a.last_id = s.last_id
)
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    b.process,
    b.model,
    m.seed_init,
    m.seed_order,
    b.last_id,
    b.token_id,
    b.last_token,
    b.token,
    t.threshold,
    CASE
        WHEN b.bound <= ln(t.threshold) THEN 'proved'
        WHEN b.log_p_best > ln(t.threshold) THEN 'refuted'
        WHEN b.log_p_possible IS NULL THEN 'open'
        ELSE 'proved to a length'
    END AS verdict,
    b.possible_length,
    b.bound AS log_p_bound,
    b.log_p_best,
    b.log_p_short > ln(t.threshold) AS is_exceeded_elsewhere
FROM best AS b
JOIN (SELECT DISTINCT model, threshold FROM verdict) AS t ON t.model = b.model
JOIN current_model AS m ON m.model = b.model;
COMMENT ON VIEW process_verdict IS 'A token that never follows another one in a known process, and a threshold: is it proved that a member gives it at most this probability after any prefix of the process that ends in the other? Grain: model, last_id, token_id, threshold.';
COMMENT ON COLUMN process_verdict.last_token IS 'Last token of the prefix';
COMMENT ON COLUMN process_verdict.token IS 'The token whose probability is 0 in the process';
COMMENT ON COLUMN process_verdict.verdict IS 'proved: a bound over all prefixes is at most the threshold; bounds by last token exist in one layer without an MLP, and any other bound covers all last tokens. refuted: a prefix of the process exceeds it. proved to a length: no prefix of the process of up to possible_length tokens does, and nothing follows for longer ones. open: no prefix as short as that ends in the last token';
COMMENT ON COLUMN process_verdict.log_p_bound IS 'Proved: ln P(token | any prefix that ends in the last token) is at most this';
COMMENT ON COLUMN process_verdict.log_p_best IS 'Largest ln P of the token after a prefix of the process that was tried';
COMMENT ON COLUMN process_verdict.is_exceeded_elsewhere IS 'Whether a short prefix that ends in the last token, possible or not in the process, exceeds the threshold';
