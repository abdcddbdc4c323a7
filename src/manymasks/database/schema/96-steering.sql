CREATE TABLE steering (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    optimizer VARCHAR,
    dose DOUBLE,
    run INTEGER NOT NULL,
    steps INTEGER,
    slope DOUBLE,
    start_slope DOUBLE,
    exact_slope DOUBLE,
    slope_sd DOUBLE,
    residual DOUBLE,
    log_change DOUBLE,
    log_sd DOUBLE,
    easiest DOUBLE,
    cues_on_easiest INTEGER,
    later_excess DOUBLE
);
COMMENT ON TABLE steering IS 'A member of steer after a run of an arm, with how much likelier it makes a choice the less its letters cost, beside the exact answer: does it make its future easier to predict? The rows behind steering_by_arm. Grain: artifact, model, arm, optimizer, dose, run.';
COMMENT ON COLUMN steering.artifact IS 'Steering artifact';
COMMENT ON COLUMN steering.arm IS 'trained: before any arm. offline: documents of the law. self: own choices, no return. return: mean cost with a KL penalty. greedy: mean cost. total: its whole own loss, through the choice. pathwise: as return, by the gradient through the choice that is fed back. mixed: offline and greedy';
COMMENT ON COLUMN steering.optimizer IS 'adamw, sgd, or exact: by the exact gradient of the expected loss; NULL for trained';
COMMENT ON COLUMN steering.dose IS 'Weight of the KL penalty of return and pathwise, or the share of greedy in mixed';
COMMENT ON COLUMN steering.run IS 'Runs with other draws, from 0';
COMMENT ON COLUMN steering.steps IS 'Optimiser steps of the arm';
COMMENT ON COLUMN steering.slope IS 'Slope of ln p - ln law on the ease of a choice, mean over cues, 1/nat; above 0 where easy choices are made more often than in the law';
COMMENT ON COLUMN steering.start_slope IS 'The same where the run started';
COMMENT ON COLUMN steering.exact_slope IS 'Where exact training ends, or stays on average; NULL where it ends in a corner';
COMMENT ON COLUMN steering.slope_sd IS 'Standard deviation of the change of the slope by the closed form, for self by sgd';
COMMENT ON COLUMN steering.residual IS 'What the slope leaves of ln p - ln law, root mean square over cues and choices; relative to the start for return and pathwise';
COMMENT ON COLUMN steering.log_change IS 'Change of ln p, root mean square over cues and choices';
COMMENT ON COLUMN steering.log_sd IS 'Its standard deviation by the closed form, for self by sgd';
COMMENT ON COLUMN steering.easiest IS 'Probability of the choice whose letters cost least, mean over cues';
COMMENT ON COLUMN steering.cues_on_easiest IS 'Cues after which it is the likeliest choice';
COMMENT ON COLUMN steering.later_excess IS 'Loss after the choice at the end of the run, beyond the exact cost of the choices, nats';

CREATE TABLE steering_cue (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    optimizer VARCHAR,
    dose DOUBLE,
    run INTEGER NOT NULL,
    process VARCHAR NOT NULL,
    cue INTEGER NOT NULL,
    is_rare BOOLEAN,
    documents INTEGER,
    slope DOUBLE,
    counted_slope DOUBLE,
    slope_sd DOUBLE,
    easiest DOUBLE,
    likeliest INTEGER
);
COMMENT ON TABLE steering_cue IS 'A member of steer after the first run of an arm and a cue, with the slope after that cue, beside the error of frequencies in as many documents: do members steer where cues are rare? The rows behind steering_by_cue. Grain: artifact, model, arm, optimizer, dose, cue.';
COMMENT ON COLUMN steering_cue.artifact IS 'Steering artifact';
COMMENT ON COLUMN steering_cue.arm IS 'What the member was trained for, as in steering';
COMMENT ON COLUMN steering_cue.optimizer IS 'adamw, sgd, or exact: by the exact gradient of the expected loss; NULL for trained';
COMMENT ON COLUMN steering_cue.dose IS 'Weight of the KL penalty of return and pathwise, or the share of greedy in mixed';
COMMENT ON COLUMN steering_cue.run IS 'Always 0';
COMMENT ON COLUMN steering_cue.process IS 'steer, steer-rare, steer-easy (authors after common cues choose by ease) or steer-hard (its control: by difficulty)';
COMMENT ON COLUMN steering_cue.cue IS 'Number of the cue';
COMMENT ON COLUMN steering_cue.is_rare IS 'Whether it is one of the rare cues of its process';
COMMENT ON COLUMN steering_cue.documents IS 'Documents of the train split with this cue';
COMMENT ON COLUMN steering_cue.slope IS 'Slope of ln p - ln law on the ease of a choice, 1/nat';
COMMENT ON COLUMN steering_cue.counted_slope IS 'The same for the frequencies of choices in these documents; NULL where a choice is missing';
COMMENT ON COLUMN steering_cue.slope_sd IS 'Standard deviation of the slope of frequencies in as many documents';
COMMENT ON COLUMN steering_cue.easiest IS 'Probability of the choice whose letters cost least';
COMMENT ON COLUMN steering_cue.likeliest IS 'Number of the likeliest choice; choices are numbered by rising cost';

CREATE TABLE steering_path (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    change DOUBLE,
    change_sd DOUBLE
);
COMMENT ON TABLE steering_path IS 'A run of a member by SGD on its own choices, after some steps, with how far its slope has walked, beside the closed form of that walk. Grain: artifact, model, run, step.';
COMMENT ON COLUMN steering_path.artifact IS 'Steering artifact';
COMMENT ON COLUMN steering_path.run IS 'Runs with other draws, from 0';
COMMENT ON COLUMN steering_path.step IS 'Optimiser steps of the run';
COMMENT ON COLUMN steering_path.change IS 'Change of the slope since the start, 1/nat';
COMMENT ON COLUMN steering_path.change_sd IS 'Its standard deviation by the closed form, 1/nat';
