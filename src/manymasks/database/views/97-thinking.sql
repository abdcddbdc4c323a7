CREATE VIEW thinking_curve AS
WITH class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        t.trained_format,
        t.answer_format,
        t.step,
        t.tokens,
        avg(t.nats_free) AS nats,
        stddev_samp(t.nats_free) AS sd,
        avg(t.nats) AS nats_forced,
        avg(t.accuracy_free) AS accuracy,
        avg(t.pairs_bound) AS pairs_bound,
        avg(t.step_nats) AS step_nats,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent,
        min(t.documents) AS documents
    FROM thinking_answer AS t
    JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
    JOIN current_model AS m ON m.model = t.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    trained_format,
    answer_format,
    step,
    tokens,
    nats,
    nats - half_width * sd AS nats_low,
    nats + half_width * sd AS nats_high,
    nats_forced,
    accuracy,
    pairs_bound,
    step_nats,
    models,
    documents
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, answer_format, step;
COMMENT ON VIEW thinking_curve IS 'A class of members of lag after some steps and a format, with the loss of the answer: how many tokens until it is learned? Grain: corpus, size, variant, answer_format, step.';
COMMENT ON COLUMN thinking_curve.trained_format IS 'Format of the documents of the corpus';
COMMENT ON COLUMN thinking_curve.answer_format IS 'Format of the documents that are answered';
COMMENT ON COLUMN thinking_curve.step IS 'Optimiser steps of training';
COMMENT ON COLUMN thinking_curve.tokens IS 'Tokens trained on by then';
COMMENT ON COLUMN thinking_curve.nats IS 'Loss of the first answer, after steps that the members write where the format has steps, mean, nats';
COMMENT ON COLUMN thinking_curve.nats_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN thinking_curve.nats_forced IS 'The same after the exact text';
COMMENT ON COLUMN thinking_curve.accuracy IS 'Share of these answers that are the likeliest token';
COMMENT ON COLUMN thinking_curve.pairs_bound IS 'Pairs bound, read off the ladder of exact prices, mean';
COMMENT ON COLUMN thinking_curve.step_nats IS 'Loss of a written step, mean, nats; NULL without steps';
COMMENT ON COLUMN thinking_curve.documents IS 'Documents of the questions';

CREATE VIEW thinking_by_format AS
WITH member AS (
    SELECT
        t.model,
        t.trained_format,
        t.answer_format,
        max(t.tokens) AS tokens,
        arg_max(t.nats_free, t.step) AS nats,
        arg_max(t.nats, t.step) AS nats_forced,
        arg_max(t.accuracy_free, t.step) AS accuracy,
        arg_max(t.pairs_bound, t.step) AS pairs_bound,
        arg_max(t.nats_repeated, t.step) AS nats_repeated,
        arg_max(t.nats_later, t.step) AS nats_later,
        arg_max(t.step_nats, t.step) AS step_nats,
        min(t.tokens) FILTER (WHERE t.nats_free <= p.nats / 2) AS until_half,
        any_value(p.nats) AS prior,
        any_value(t.documents) AS documents
    FROM thinking_answer AS t
    JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
    JOIN thinking_price AS p ON p.artifact = t.artifact AND p.capability = 'binds-0'
    GROUP BY ALL
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        m.gradient,
        t.trained_format,
        t.answer_format,
        max(t.tokens) AS tokens,
        avg(t.nats) AS nats,
        stddev_samp(t.nats) AS sd,
        avg(t.nats_forced) AS nats_forced,
        avg(t.accuracy) AS accuracy,
        avg(t.pairs_bound) AS pairs_bound,
        avg(t.nats_repeated) AS nats_repeated,
        avg(t.nats_later) AS nats_later,
        avg(t.step_nats) AS step_nats,
        count(t.until_half) AS learned,
        avg(t.until_half) AS until_half,
        any_value(t.prior) AS prior,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent,
        min(t.documents) AS documents
    FROM member AS t
    JOIN current_model AS m ON m.model = t.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    gradient,
    trained_format,
    answer_format,
    tokens,
    nats,
    nats - half_width * sd AS nats_low,
    nats + half_width * sd AS nats_high,
    nats_forced,
    accuracy,
    pairs_bound,
    nats_repeated,
    nats_later,
    step_nats,
    learned,
    until_half,
    prior,
    models,
    documents
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, answer_format;
COMMENT ON VIEW thinking_by_format IS 'A class of members of lag and a format at the end of training, with the loss of the answer and the tokens until it was learned: are answers computed in the residual stream, over fillers, or in written steps? Grain: corpus, size, variant, answer_format.';
COMMENT ON COLUMN thinking_by_format.trained_format IS 'Format of the documents of the corpus';
COMMENT ON COLUMN thinking_by_format.answer_format IS 'Format of the documents that are answered';
COMMENT ON COLUMN thinking_by_format.tokens IS 'Tokens trained on';
COMMENT ON COLUMN thinking_by_format.nats IS 'Loss of the first answer, after steps that the members write where the format has steps, mean, nats';
COMMENT ON COLUMN thinking_by_format.nats_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN thinking_by_format.nats_forced IS 'The same after the exact text';
COMMENT ON COLUMN thinking_by_format.accuracy IS 'Share of these answers that are the likeliest token';
COMMENT ON COLUMN thinking_by_format.pairs_bound IS 'Pairs bound, read off the ladder of exact prices, mean';
COMMENT ON COLUMN thinking_by_format.nats_repeated IS 'Loss of a second answer that can be copied from the first, mean, nats';
COMMENT ON COLUMN thinking_by_format.nats_later IS 'Loss of a second answer of another lag, mean, nats';
COMMENT ON COLUMN thinking_by_format.step_nats IS 'Loss of a written step, mean, nats; NULL without steps';
COMMENT ON COLUMN thinking_by_format.learned IS 'Members with at most half of the prior''s loss at some checkpoint';
COMMENT ON COLUMN thinking_by_format.until_half IS 'Tokens of the first checkpoint of which that holds, mean over those members';
COMMENT ON COLUMN thinking_by_format.prior IS 'Exact loss of an answer with no pair bound, nats';
COMMENT ON COLUMN thinking_by_format.documents IS 'Documents of the questions';

CREATE VIEW thinking_contrast AS
WITH member AS (
    SELECT
        m.corpus,
        m.size,
        m.variant,
        m.gradient,
        m.seed_init,
        m.seed_order,
        t.trained_format,
        t.answer_format,
        max(t.tokens) AS tokens,
        arg_max(t.nats_free, t.step) AS nats
    FROM thinking_answer AS t
    JOIN artifact AS e ON e.artifact = t.artifact AND e.is_current
    JOIN current_model AS m ON m.model = t.model
    GROUP BY ALL
),
pair AS (
    SELECT
        CASE
            WHEN a.corpus = b.corpus THEN 'myopic - causal'
            WHEN a.trained_format = 'mixed' THEN 'mixed - filler'
            ELSE 'filler - direct'
        END AS contrast,
        a.corpus,
        b.corpus AS baseline_corpus,
        a.size,
        a.variant,
        b.variant AS baseline_variant,
        a.gradient,
        a.answer_format,
        a.seed_init,
        a.seed_order,
        a.nats - b.nats AS difference,
        a.nats AS nats,
        b.nats AS baseline_nats,
        a.tokens / b.tokens AS token_ratio
    FROM member AS a
    JOIN member AS b USING (size, seed_init, seed_order)
    WHERE (
        a.corpus = b.corpus AND a.answer_format = b.answer_format
        AND a.gradient = 'myopic' AND b.gradient = 'causal'
    ) OR (
        a.gradient = b.gradient AND a.answer_format = 'filler'
        AND (a.trained_format, b.trained_format) IN (('filler', 'direct'), ('mixed', 'filler'))
        AND b.answer_format = b.trained_format
    )
),
class AS (
    SELECT
        contrast,
        corpus,
        baseline_corpus,
        size,
        variant,
        baseline_variant,
        gradient,
        answer_format,
        avg(difference) AS difference,
        stddev_samp(difference) AS sd,
        avg(nats) AS nats,
        avg(baseline_nats) AS baseline_nats,
        avg(token_ratio) AS token_ratio,
        count(*) AS models,
        greatest(count(DISTINCT seed_init), count(DISTINCT seed_order)) AS independent
    FROM pair
    GROUP BY ALL
)
SELECT
    contrast,
    corpus,
    baseline_corpus,
    size,
    variant,
    baseline_variant,
    gradient,
    answer_format,
    difference,
    difference - half_width * sd AS difference_low,
    difference + half_width * sd AS difference_high,
    nats,
    baseline_nats,
    token_ratio,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY contrast, corpus, size, variant, answer_format;
COMMENT ON VIEW thinking_contrast IS 'Two classes of members of lag with the same seeds, with the difference of their answers at the end of training: what does myopia cost, what do fillers help, and what does writing steps elsewhere teach? Grain: contrast, corpus, baseline_corpus, size, variant, baseline_variant, answer_format.';
COMMENT ON COLUMN thinking_contrast.contrast IS 'myopic - causal; filler - direct: of one gradient; mixed - filler: answers over fillers of members that also saw steps';
COMMENT ON COLUMN thinking_contrast.baseline_corpus IS 'Corpus of the class that is subtracted';
COMMENT ON COLUMN thinking_contrast.baseline_variant IS 'Variant of the class that is subtracted';
COMMENT ON COLUMN thinking_contrast.answer_format IS 'Format of the answers of the first class';
COMMENT ON COLUMN thinking_contrast.difference IS 'Loss of the first answer minus that of the baseline, mean over seeds, nats';
COMMENT ON COLUMN thinking_contrast.difference_low IS 'Lower end of its t interval over seeds, NULL for a single one';
COMMENT ON COLUMN thinking_contrast.nats IS 'Loss of the first class, mean, nats';
COMMENT ON COLUMN thinking_contrast.baseline_nats IS 'Loss of the baseline, mean, nats';
COMMENT ON COLUMN thinking_contrast.token_ratio IS 'Tokens that it was trained on over those of the baseline: equal steps of longer documents are more tokens';
COMMENT ON COLUMN thinking_contrast.models IS 'Pairs of members with the same seeds';
