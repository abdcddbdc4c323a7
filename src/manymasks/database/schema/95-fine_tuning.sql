CREATE TABLE tuned_law (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    letters INTEGER NOT NULL,
    kl DOUBLE,
    kl_one DOUBLE,
    kl_free DOUBLE,
    goal_kl DOUBLE,
    goal_kl_one DOUBLE,
    residual DOUBLE,
    base_residual DOUBLE,
    floor DOUBLE,
    from_changed DOUBLE,
    from_original DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE tuned_law IS 'A fine-tuned member (or the exact law that the fine-tuning leads to) after some steps and letters, with its change from where it started and what weights of the masks leave of it: is it the masks or the machinery? The rows behind shift_or_machinery. Grain: artifact, model, arm, step, letters.';
COMMENT ON COLUMN tuned_law.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_law.model IS 'Member; bayes for the exact law that the fine-tuning leads to, beside that of the process';
COMMENT ON COLUMN tuned_law.step IS 'Optimiser steps of the fine-tuning, 0 for the member that it started from; NULL for bayes';
COMMENT ON COLUMN tuned_law.arm IS 'What the documents change: one mask, prior, one premise, new mask; revived: nothing, after another fine-tuning; fresh: nothing, from drawn weights. Letter reward and mask reward: trained by it on documents of the member, with a KL penalty; letter optimum and mask optimum: trained on documents of its exact optimum';
COMMENT ON COLUMN tuned_law.kl IS 'KL from the member''s distribution of three letters to that of the first member that it goes back to, nats; NULL for fresh members';
COMMENT ON COLUMN tuned_law.kl_one IS 'What is left of it with one shift of the masks'' log-weights for all prompts, nats';
COMMENT ON COLUMN tuned_law.kl_free IS 'What is left of it with weights chosen for each prompt, nats';
COMMENT ON COLUMN tuned_law.goal_kl IS 'KL from the exact law that the fine-tuning leads to, to the first member that it goes back to, nats: kl of a member that reached it';
COMMENT ON COLUMN tuned_law.goal_kl_one IS 'kl_one of a member that reached it: errors of the start that it would correct are no shift of masks';
COMMENT ON COLUMN tuned_law.residual IS 'KL from the member''s distribution to the closest mixture of the four masks, nats';
COMMENT ON COLUMN tuned_law.base_residual IS 'The same for the first member that it goes back to, nats';
COMMENT ON COLUMN tuned_law.floor IS 'The same for the exact law that the fine-tuning leads to, nats';
COMMENT ON COLUMN tuned_law.from_changed IS 'KL from the exact law of the changed documents, or the optimum of the reward, to the member, nats';
COMMENT ON COLUMN tuned_law.from_original IS 'KL from the exact law of the process to the member, nats';
COMMENT ON COLUMN tuned_law.documents IS 'Documents, as many of each mask';

CREATE TABLE tuned_reading (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    reference VARCHAR NOT NULL,
    alpha DOUBLE,
    alpha_low DOUBLE,
    alpha_high DOUBLE,
    is_identified BOOLEAN,
    gamma DOUBLE,
    shift DOUBLE,
    left_over DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE tuned_reading IS 'A fine-tuned member after some steps, with how much of the evidence and of the premise it still reads and how far its prior has moved: the fit of softmax(gamma ln prior + alpha evidence + shift) over the exact laws of the masks. Grain: artifact, model, arm, step.';
COMMENT ON COLUMN tuned_reading.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_reading.model IS 'Member; bayes for the exact law that the fine-tuning leads to';
COMMENT ON COLUMN tuned_reading.step IS 'Optimiser steps of the fine-tuning; NULL for bayes';
COMMENT ON COLUMN tuned_reading.arm IS 'What the documents change, as in tuned_law';
COMMENT ON COLUMN tuned_reading.reference IS 'The mask whose shift is 0: the likeliest in the changed documents or under the optimum';
COMMENT ON COLUMN tuned_reading.alpha IS 'Share of the exact evidence that is read: 1 for Bayes';
COMMENT ON COLUMN tuned_reading.alpha_low IS 'Where, below alpha, the fit with alpha fixed is 20% worse than the best; NULL where it is not within the profile';
COMMENT ON COLUMN tuned_reading.alpha_high IS 'The same above alpha';
COMMENT ON COLUMN tuned_reading.is_identified IS 'Whether both ends are there: otherwise a shift beyond what the letters say for a mask fits as well as evidence that is not read';
COMMENT ON COLUMN tuned_reading.gamma IS 'Share of the premise that is read: 1 for Bayes, 0 where the premise says nothing';
COMMENT ON COLUMN tuned_reading.shift IS 'Shift of the log-weights of the other three masks, mean, nats';
COMMENT ON COLUMN tuned_reading.left_over IS 'Mean KL that the fit leaves, nats';
COMMENT ON COLUMN tuned_reading.documents IS 'Documents, as many of each mask';

CREATE TABLE tuned_shift (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    mask VARCHAR NOT NULL,
    shift DOUBLE,
    one_shift DOUBLE
);
COMMENT ON TABLE tuned_shift IS 'A fine-tuned member after some steps and a mask, with how far its log-weight has moved: which masks went? Grain: artifact, model, arm, step, mask.';
COMMENT ON COLUMN tuned_shift.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_shift.model IS 'Member; bayes for the exact law that the fine-tuning leads to';
COMMENT ON COLUMN tuned_shift.step IS 'Optimiser steps of the fine-tuning; NULL for bayes';
COMMENT ON COLUMN tuned_shift.arm IS 'What the documents change, as in tuned_law';
COMMENT ON COLUMN tuned_shift.mask IS 'Name of the mask';
COMMENT ON COLUMN tuned_shift.shift IS 'Shift beside alpha and gamma, relative to the reference, nats; bounded by 60';
COMMENT ON COLUMN tuned_shift.one_shift IS 'The one shift of the first member''s own weights that comes closest, nats; NULL for fresh members';

CREATE TABLE tuned_profile (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    alpha DOUBLE NOT NULL,
    left_over DOUBLE
);
COMMENT ON TABLE tuned_profile IS 'A fine-tuned member after some steps and a value of alpha, with the divergence that the best fit leaves: does the member tell alpha at all? Grain: artifact, model, arm, step, alpha.';
COMMENT ON COLUMN tuned_profile.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_profile.model IS 'Member; bayes for the exact law that the fine-tuning leads to';
COMMENT ON COLUMN tuned_profile.step IS 'Optimiser steps of the fine-tuning; NULL for bayes';
COMMENT ON COLUMN tuned_profile.arm IS 'What the documents change, as in tuned_law';
COMMENT ON COLUMN tuned_profile.alpha IS 'Share of the evidence, fixed';
COMMENT ON COLUMN tuned_profile.left_over IS 'Mean KL that the best gamma and shifts leave, nats';

CREATE TABLE tuned_wake (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    mask VARCHAR NOT NULL,
    is_reference BOOLEAN,
    letters INTEGER NOT NULL,
    weight DOUBLE,
    base_weight DOUBLE,
    bayes DOUBLE,
    bayes_before DOUBLE
);
COMMENT ON TABLE tuned_wake IS 'A fine-tuned member after some steps, on prompts of a mask, with the weight of that mask: does a mask that is no longer trained on wake as its letters come? The rows behind wake_curve. Grain: artifact, model, arm, step, mask, letters.';
COMMENT ON COLUMN tuned_wake.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_wake.model IS 'Member; bayes for the exact law that the fine-tuning leads to';
COMMENT ON COLUMN tuned_wake.step IS 'Optimiser steps of the fine-tuning; NULL for bayes';
COMMENT ON COLUMN tuned_wake.arm IS 'What the documents change, as in tuned_law';
COMMENT ON COLUMN tuned_wake.mask IS 'Name of the mask of the prompts';
COMMENT ON COLUMN tuned_wake.is_reference IS 'Whether it is the likeliest in the changed documents or under the optimum';
COMMENT ON COLUMN tuned_wake.weight IS 'Weight of the mask in the mixture closest to the member, mean over prompts';
COMMENT ON COLUMN tuned_wake.base_weight IS 'The same for the first member that it goes back to; NULL for fresh members';
COMMENT ON COLUMN tuned_wake.bayes IS 'Exact probability of the mask under the changed law, or the optimum of the reward';
COMMENT ON COLUMN tuned_wake.bayes_before IS 'Exact probability of the mask under the law of the process';

CREATE TABLE tuned_premise (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    step INTEGER,
    arm VARCHAR NOT NULL,
    premise VARCHAR NOT NULL,
    is_changed BOOLEAN,
    letters INTEGER,
    weight DOUBLE,
    base_weight DOUBLE,
    bayes DOUBLE
);
COMMENT ON TABLE tuned_premise IS 'A fine-tuned member after some steps and a premise, with the weight of the trained mask before any evidence: does a change under one premise leak to the others? The rows behind premise_leak. Grain: artifact, model, arm, step, premise.';
COMMENT ON COLUMN tuned_premise.artifact IS 'Fine-tuning artifact';
COMMENT ON COLUMN tuned_premise.model IS 'Member; bayes for the exact law that the fine-tuning leads to';
COMMENT ON COLUMN tuned_premise.step IS 'Optimiser steps of the fine-tuning; NULL for bayes';
COMMENT ON COLUMN tuned_premise.arm IS 'What the documents change, as in tuned_law';
COMMENT ON COLUMN tuned_premise.premise IS 'Premise, P0 to P4';
COMMENT ON COLUMN tuned_premise.is_changed IS 'Whether the documents change the law under it';
COMMENT ON COLUMN tuned_premise.letters IS 'Letters of the shortest prompt';
COMMENT ON COLUMN tuned_premise.weight IS 'Weight of the likeliest mask in the changed documents, mean over prompts';
COMMENT ON COLUMN tuned_premise.base_weight IS 'The same for the first member that it goes back to; NULL for fresh members';
COMMENT ON COLUMN tuned_premise.bayes IS 'Its exact probability under the changed law, or the optimum of the reward';
