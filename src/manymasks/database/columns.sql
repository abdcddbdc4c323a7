-- What a column is, by its name: said once here for all tables and views that comment it no
-- other way. A star stands for the beginning of a name. What an interval is over is said at its
-- lower end, which therefore has no row here.

FROM (
    VALUES
    -- what a row is about
    ('corpus', 'Name of the corpus'),
    ('size', 'Name of the size'),
    ('variant', 'Name of the variant'),
    ('label', 'Label of the class, corpus/size/variant'),
    ('model_class', 'Label of the class, corpus/size/variant'),
    ('pool', 'Label of a class, corpus/size/variant'),
    ('other', 'The same class (pairs within it) or another (pairs across)'),
    ('is_within', 'Whether pairs are of one class, so that they differ in seeds alone'),
    ('model', 'Member'),
    ('model_a', 'The member with the smaller key'),
    ('model_b', 'The other member'),
    ('same_init', 'Whether the two share seed_init'),
    ('same_order', 'Whether the two share seed_order'),
    ('seed_init', 'Seed of the initial weights'),
    ('seed_order', 'Seed of the data order'),
    ('parameters', 'Weights of a member'),
    ('training_tokens', 'Tokens a member is trained on'),
    ('status', 'trained, or failed: its loss became infinite or not a number'),
    ('gradient', 'How its gradients flow: causal, myopic, myopic-kv, discount, local or bigram'),
    ('step', 'Optimiser steps done'),
    -- what was measured, on how much
    ('split', 'measure: the split that decides nothing'),
    ('models', 'Members that entered'),
    ('documents', 'Documents that entered'),
    ('tokens', 'Tokens scored'),
    ('inits', 'Seeds of initial weights'),
    ('*high', 'Upper end of its interval'),
    ('lowest', 'Lowest of a member'),
    ('highest', 'Highest of a member'),
    ('position_low', 'First position of the bucket'),
    ('position_high', 'Last position of the bucket'),
    ('select_nats', 'Loss on the select split, which decides membership'),
    ('measure_nats', 'Loss on the measure split'),
    ('ensemble_gain', 'Mean loss of the members less the loss of their mean law, nats per token'),
    ('metric', 'Name of the metric'),
    -- the myopia gap
    ('baseline', 'Variant whose loss is subtracted'),
    ('baseline_nats', 'Mean loss of the baseline'),
    ('variant_nats', 'Mean loss of the variant'),
    ('gap', 'Loss of the variant less that of the baseline, over shared seeds, nats per token'),
    ('seeds', 'Pairs of members that share both seeds'),
    -- Rashomon sets
    ('rashomon_set', 'The Rashomon set, as class | reference | eps'),
    ('method', 'How its candidates came about: trained, noise, dropout or checkpoint'),
    ('reference', 'Name of the reference'),
    ('eps', 'Threshold of the set in its own unit'),
    ('eps_unit', 'nats, percent (of the reference loss) or seed_sd'),
    ('eps_nats', 'The same threshold in nats per token'),
    ('candidates', 'Members of the class that came about by this method'),
    ('members', 'Members of the set: those within the threshold'),
    ('distinct_top1', 'How many tokens are ranked first by a member'),
    -- claims
    ('claim', 'Of variants: gap, gap_by_size (the gap at one size minus that at another), bonus and malus of local myopia, beyond_seeds (KL between them minus KL within them). Of sizes: spread (log ratio of KL within them), share under one loss, volume, headroom. Of one class: rise and fall over the severities of a probe'),
    ('subject', 'Variant or size that is compared; of two sizes the larger'),
    ('within', 'What both share: the size of two variants, the variant of sizes'),
    -- probes and pairs on them
    ('probe', 'Name of the probe'),
    ('severity', 'How far from text: 0 is text, or the easiest of windows that are made'),
    ('family', 'Family of the probe'),
    ('is_text', 'Whether this is the probe that stands for ordinary held-out text'),
    ('changed', 'Share of context tokens that differ from severity 0, or that it does not have'),
    (
        'ngram_nats',
        'Mean surprise of a context token by counts of the train split: the distance from training'
    ),
    ('kl', 'Mean KL, both directions averaged, nats per token'),
    ('hellinger', 'Mean squared Hellinger distance, 1 - sum sqrt(p q)'),
    ('js', 'Mean Jensen-Shannon divergence, nats per token, on sampled positions'),
    ('top1_agreement', 'Share of tokens on which both rank the same token first'),
    ('token', 'The true token'),
    ('mode', 'greedy, or shared-noise: tokens sampled with the same Gumbel noise for all members'),
    -- known processes
    ('process', 'Process that its documents were drawn from'),
    ('stratum', 'all, position, or what tokens are told apart by, such as role'),
    ('level', 'Which tokens of the stratum'),
    ('letters', 'Letters of the prompt'),
    ('layer', 'Blocks that the stream has gone through; 0 is the embedding'),
    ('control', 'none or untrained'),
    ('question', 'twin: which cue; before: which marked word'),
    ('rule', 'The rule whose share is given: red, or depth 0'),
    ('questions', 'Questions')
) AS meaning (column_name, comment);
