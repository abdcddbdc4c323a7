CREATE VIEW steering_by_arm AS
WITH member AS (
    -- Runs of a member are averaged first.
    SELECT
        s.artifact,
        s.model,
        s.arm,
        s.optimizer,
        s.dose,
        avg(s.slope) AS slope,
        avg(s.slope - s.start_slope) AS change,
        avg(s.exact_slope) AS exact_slope,
        avg(s.slope - s.exact_slope) AS error,
        avg(s.residual) AS residual,
        avg(s.log_change ** 2) AS log_square,
        avg(s.log_sd ** 2) AS log_variance,
        avg(s.easiest) AS easiest,
        avg(s.cues_on_easiest) AS cues_on_easiest,
        avg(s.later_excess) AS later_excess,
        count(*) AS runs
    FROM steering AS s
    JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
    GROUP BY ALL
),
class AS (
    SELECT
        m.label,
        m.corpus,
        m.size,
        m.variant,
        b.arm,
        b.optimizer,
        b.dose,
        avg(b.slope) AS slope,
        stddev_samp(b.slope) AS slope_spread,
        avg(b.change) AS change,
        stddev_samp(b.change) AS change_spread,
        avg(b.exact_slope) AS exact_slope,
        avg(b.error) AS error,
        stddev_samp(b.error) AS error_spread,
        avg(b.residual) AS residual,
        sqrt(avg(b.log_square)) AS log_change,
        sqrt(avg(b.log_variance)) AS log_sd,
        avg(b.easiest) AS easiest,
        avg(b.cues_on_easiest) AS cues_on_easiest,
        avg(b.later_excess) AS later_excess,
        sum(b.runs) AS runs,
        count(*) AS models,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM member AS b
    JOIN current_model AS m ON m.model = b.model
    GROUP BY ALL
)
SELECT
    label,
    corpus,
    size,
    variant,
    arm,
    optimizer,
    dose,
    slope,
    slope - half_width * slope_spread AS slope_low,
    slope + half_width * slope_spread AS slope_high,
    change,
    change - half_width * change_spread AS change_low,
    change + half_width * change_spread AS change_high,
    exact_slope,
    error,
    error - half_width * error_spread AS error_low,
    error + half_width * error_spread AS error_high,
    residual,
    log_change,
    log_sd,
    easiest,
    cues_on_easiest,
    later_excess,
    runs,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY corpus, size, variant, arm, optimizer, dose;
COMMENT ON VIEW steering_by_arm IS 'A class of members of steer and an arm, with the slope of their choices on ease beside the exact one: what makes a predictor steer what it predicts? Grain: corpus, size, variant, arm, optimizer, dose.';
COMMENT ON COLUMN steering_by_arm.easiest IS 'Probability of the choice whose letters cost least, mean over cues';
COMMENT ON COLUMN steering_by_arm.arm IS 'trained: before any arm. offline: documents of the law. self: own choices, no return. return: mean cost with a KL penalty. greedy: mean cost. total: its whole own loss, through the choice. pathwise: as return, by the gradient through the choice that is fed back. mixed: offline and greedy';
COMMENT ON COLUMN steering_by_arm.slope IS 'Slope of ln p - ln law on the ease of a choice, mean over cues and members, 1/nat';
COMMENT ON COLUMN steering_by_arm.slope_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN steering_by_arm.change IS 'The slope minus that where the run started, mean over members';
COMMENT ON COLUMN steering_by_arm.change_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN steering_by_arm.exact_slope IS 'Where exact training ends, or stays on average, mean over members; NULL where it ends in a corner';
COMMENT ON COLUMN steering_by_arm.error IS 'The slope minus the exact one, mean over members';
COMMENT ON COLUMN steering_by_arm.error_low IS 'Lower end of its t interval over members';
COMMENT ON COLUMN steering_by_arm.residual IS 'What the slope leaves of ln p - ln law, root mean square over cues and choices, mean over members';
COMMENT ON COLUMN steering_by_arm.log_change IS 'Change of ln p, root mean square over cues, choices, runs and members';
COMMENT ON COLUMN steering_by_arm.runs IS 'Runs of all members';

CREATE VIEW steering_by_cue AS
WITH class AS (
    SELECT
        c.process,
        m.size,
        m.variant,
        c.cue,
        any_value(c.is_rare) AS is_rare,
        avg(c.documents) AS documents,
        avg(c.slope) AS slope,
        stddev_samp(c.slope) AS slope_spread,
        avg(c.counted_slope) AS counted_slope,
        sqrt(avg(c.slope_sd ** 2)) AS slope_sd,
        avg(c.slope / c.slope_sd) * sqrt(count(*)) AS z,
        avg((c.slope > 0)::DOUBLE) AS share_above,
        count(*) AS models,
        count(DISTINCT m.corpus) AS corpora,
        greatest(count(DISTINCT m.seed_init), count(DISTINCT m.seed_order)) AS independent
    FROM steering_cue AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
    JOIN current_model AS m ON m.model = c.model
    WHERE c.arm = 'trained'
    GROUP BY ALL
)
SELECT
    process,
    size,
    variant,
    cue,
    is_rare,
    documents,
    slope,
    slope - half_width * slope_spread AS slope_low,
    slope + half_width * slope_spread AS slope_high,
    slope_spread,
    counted_slope,
    slope_sd,
    z,
    share_above,
    corpora,
    models
FROM class
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY process, size, variant, cue;
COMMENT ON VIEW steering_by_cue IS 'A cue of a process like steer, with the slope of members as they were trained, over corpora: is there any steering where cues are rare, and does that of authors reach them? Grain: process, size, variant, cue.';
COMMENT ON COLUMN steering_by_cue.process IS 'steer, steer-rare, steer-easy (authors after common cues choose by ease) or steer-hard (its control: by difficulty)';
COMMENT ON COLUMN steering_by_cue.documents IS 'Documents of the train split with this cue, mean over members';
COMMENT ON COLUMN steering_by_cue.slope IS 'Slope of ln p - ln law on the ease of a choice, mean over members, 1/nat';
COMMENT ON COLUMN steering_by_cue.slope_low IS 'Lower end of its t interval over members, NULL for a single one';
COMMENT ON COLUMN steering_by_cue.slope_spread IS 'Its standard deviation over members';
COMMENT ON COLUMN steering_by_cue.counted_slope IS 'The same for the frequencies of choices in their documents, mean over members';
COMMENT ON COLUMN steering_by_cue.slope_sd IS 'Standard deviation of the slope of frequencies in as many documents';
COMMENT ON COLUMN steering_by_cue.z IS 'Mean of slope over slope_sd, times the root of the members: a standard normal number if the documents were all and corpora are drawn for each member';
COMMENT ON COLUMN steering_by_cue.share_above IS 'Share of members with a slope above 0';
COMMENT ON COLUMN steering_by_cue.corpora IS 'Corpora that members were trained on; members of one corpus share its sampling error';

CREATE VIEW authors_by_cue AS
WITH slopes AS (
    SELECT
        c.process,
        m.size,
        m.variant,
        m.seed_init,
        m.seed_order,
        c.cue,
        any_value(c.is_rare) AS is_rare,
        avg(c.documents) AS documents,
        avg(c.slope) AS slope,
        avg(c.slope_sd) AS slope_sd
    FROM steering_cue AS c
    JOIN artifact AS e ON e.artifact = c.artifact AND e.is_current
    JOIN current_model AS m ON m.model = c.model
    WHERE c.arm = 'trained'
    GROUP BY ALL
),
paired AS (
    SELECT
        e.size,
        e.variant,
        e.cue,
        e.is_rare,
        avg(e.documents) AS documents,
        avg((e.slope - h.slope) / 2) AS carried,
        stddev_samp((e.slope - h.slope) / 2) AS carried_spread,
        avg((e.slope + h.slope) / 2) AS asymmetry,
        stddev_samp((e.slope + h.slope) / 2) AS asymmetry_spread,
        sqrt(avg(e.slope_sd ** 2 + h.slope_sd ** 2)) / 2 AS expected_spread,
        count(*) AS models,
        greatest(count(DISTINCT e.seed_init), count(DISTINCT e.seed_order)) AS independent
    FROM slopes AS e
    JOIN slopes AS h USING (size, variant, seed_init, seed_order, cue)
    WHERE e.process = 'steer-easy' AND h.process = 'steer-hard'
    GROUP BY ALL
)
SELECT
    size,
    variant,
    cue,
    is_rare,
    documents,
    carried,
    carried - half_width * carried_spread AS carried_low,
    carried + half_width * carried_spread AS carried_high,
    asymmetry,
    asymmetry - half_width * asymmetry_spread AS asymmetry_low,
    asymmetry + half_width * asymmetry_spread AS asymmetry_high,
    expected_spread,
    models
FROM paired
LEFT JOIN mean_interval ON n = models AND n = independent
ORDER BY size, variant, cue;
COMMENT ON VIEW authors_by_cue IS 'A cue of steer-easy and steer-hard, whose authors choose by ease or by difficulty after common cues, with how much of that members carry over and what is not mirrored in the control. Grain: size, variant, cue.';
COMMENT ON COLUMN authors_by_cue.documents IS 'Documents of the train split with this cue, mean over members';
COMMENT ON COLUMN authors_by_cue.carried IS 'Half the difference of the slopes under authors who choose by ease and by difficulty, paired by seeds, relative to the law of the cue, 1/nat: 0 at a cue that members predict by its own law';
COMMENT ON COLUMN authors_by_cue.carried_low IS 'Lower end of its t interval over pairs of members, NULL for a single pair';
COMMENT ON COLUMN authors_by_cue.asymmetry IS 'Half their sum, 1/nat: not 0 where members steer to ease whatever the authors do';
COMMENT ON COLUMN authors_by_cue.asymmetry_low IS 'Lower end of its t interval over pairs of members';
COMMENT ON COLUMN authors_by_cue.expected_spread IS 'Standard deviation of either over pairs, for frequencies in as many documents';
COMMENT ON COLUMN authors_by_cue.models IS 'Pairs of members';
