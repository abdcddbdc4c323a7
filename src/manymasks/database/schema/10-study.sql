-- Tables. The comment of each ends with "Grain: columns.", which the loader reads to refuse rows
-- that are not unique in those columns. Losses and divergences are in nats (natural logarithm) per
-- token unless the comment states another unit. Default comments of columns are in columns.sql.

CREATE TABLE artifact (
    artifact VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    is_current BOOLEAN NOT NULL,
    digest VARCHAR NOT NULL,
    created TIMESTAMP NOT NULL,
    wall_seconds DOUBLE,
    cpu_seconds DOUBLE,
    peak_memory_bytes BIGINT,
    payload_bytes BIGINT,
    settings JSON,
    code JSON,
    environment JSON,
    figures JSON
);
COMMENT ON TABLE artifact IS 'An artifact: the result of a job, with its settings, code and cost. Everything in the results folder is here; is_current marks what the study uses. Grain: artifact.';
COMMENT ON COLUMN artifact.artifact IS 'Key: first 12 hex digits of the digest; the artifact lies in results/<stage>/<artifact>/';
COMMENT ON COLUMN artifact.stage IS 'Stage that made it';
COMMENT ON COLUMN artifact.label IS 'Readable name, such as training/pydocs/base/causal/i0-o1; of a current artifact, its name in the current study';
COMMENT ON COLUMN artifact.is_current IS 'Whether the current study uses it';
COMMENT ON COLUMN artifact.digest IS 'SHA-256 of settings, code and input digests in canonical JSON';
COMMENT ON COLUMN artifact.created IS 'When it was finished (UTC)';
COMMENT ON COLUMN artifact.wall_seconds IS 'Wall-clock seconds, summed over interrupted runs';
COMMENT ON COLUMN artifact.cpu_seconds IS 'Processor seconds, user and system, of the last run';
COMMENT ON COLUMN artifact.peak_memory_bytes IS 'Peak resident memory of the last run';
COMMENT ON COLUMN artifact.payload_bytes IS 'Bytes of its payload files';
COMMENT ON COLUMN artifact.settings IS 'Its resolved identity settings, defaults included';
COMMENT ON COLUMN artifact.code IS 'Digest of each module in the stage''s import closure';
COMMENT ON COLUMN artifact.environment IS 'Python, packages, platform and git state at the time';
COMMENT ON COLUMN artifact.figures IS 'Summary numbers that the stage reported';

CREATE TABLE artifact_input (
    artifact VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    input VARCHAR NOT NULL
);
COMMENT ON TABLE artifact_input IS 'An input of an artifact: trace a number to the trainings that it comes from. Grain: artifact, role, position.';
COMMENT ON COLUMN artifact_input.artifact IS 'Artifact that was made';
COMMENT ON COLUMN artifact_input.role IS 'Role of the input in its stage';
COMMENT ON COLUMN artifact_input.position IS 'Index among the inputs of that role, from 0';
COMMENT ON COLUMN artifact_input.input IS 'Key of the input artifact';

CREATE TABLE corpus (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    documents BIGINT,
    train_documents BIGINT,
    select_documents BIGINT,
    measure_documents BIGINT,
    characters BIGINT,
    bytes BIGINT,
    longest_document BIGINT,
    empty_documents BIGINT,
    duplicate_documents BIGINT,
    cross_split_duplicates BIGINT,
    undecodable_documents BIGINT,
    sha256 VARCHAR,
    source VARCHAR,
    licence VARCHAR
);
COMMENT ON TABLE corpus IS 'A corpus with its source, its size and its split by document: what were models trained on? Grain: artifact.';
COMMENT ON COLUMN corpus.artifact IS 'Corpus artifact';
COMMENT ON COLUMN corpus.kind IS 'Source of the documents: pydocs, files, url, hub, dataset or process';
COMMENT ON COLUMN corpus.documents IS 'Documents kept';
COMMENT ON COLUMN corpus.train_documents IS 'Documents of the train split';
COMMENT ON COLUMN corpus.select_documents IS 'Documents of the select split, which decides membership';
COMMENT ON COLUMN corpus.measure_documents IS 'Documents of the measure split, which is used for all measurements';
COMMENT ON COLUMN corpus.characters IS 'Characters of all documents kept';
COMMENT ON COLUMN corpus.bytes IS 'UTF-8 bytes of all documents kept';
COMMENT ON COLUMN corpus.longest_document IS 'UTF-8 bytes of the longest document kept';
COMMENT ON COLUMN corpus.empty_documents IS 'Documents dropped as blank';
COMMENT ON COLUMN corpus.duplicate_documents IS 'Documents dropped as duplicates of an earlier text';
COMMENT ON COLUMN corpus.cross_split_duplicates IS 'Those of the duplicates whose earlier copy is in another split';
COMMENT ON COLUMN corpus.undecodable_documents IS 'Documents dropped because they are not UTF-8';
COMMENT ON COLUMN corpus.sha256 IS 'SHA-256 over the ids and texts of all documents';
COMMENT ON COLUMN corpus.source IS 'Origin of the text, with versions';
COMMENT ON COLUMN corpus.licence IS 'Licence of the text, if known';

CREATE TABLE dropped_documents (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    documents BIGINT NOT NULL,
    example VARCHAR
);
COMMENT ON TABLE dropped_documents IS 'A reason for which documents or records were left out of a corpus, with their number: is text missing that you expected? Grain: artifact, reason.';
COMMENT ON COLUMN dropped_documents.artifact IS 'Corpus artifact';
COMMENT ON COLUMN dropped_documents.reason IS 'Why they were left out';
COMMENT ON COLUMN dropped_documents.documents IS 'Documents left out for this reason';
COMMENT ON COLUMN dropped_documents.example IS 'Place and details of the first of them';

CREATE TABLE split_tokens (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    documents BIGINT NOT NULL,
    effective_documents DOUBLE NOT NULL,
    cut_documents BIGINT NOT NULL,
    tokens BIGINT NOT NULL
);
COMMENT ON TABLE split_tokens IS 'A split of a corpus with its documents and the tokens of them that count, the end of text of each whole document included: is there enough text? Grain: artifact, split.';
COMMENT ON COLUMN split_tokens.artifact IS 'Tokens artifact';
COMMENT ON COLUMN split_tokens.split IS 'train, select or measure';
COMMENT ON COLUMN split_tokens.documents IS 'Documents of the split';
COMMENT ON COLUMN split_tokens.cut_documents IS 'Documents of which only the first held_out_tokens tokens count; none of train';
COMMENT ON COLUMN split_tokens.tokens IS 'Tokens of the split that count';

CREATE TABLE tokenizer (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    vocabulary INTEGER NOT NULL,
    bytes_per_token DOUBLE,
    sha256 VARCHAR
);
COMMENT ON TABLE tokenizer IS 'A tokenizer: one per corpus, with its vocabulary and its compression. For turning nats per token into bits per byte. Grain: artifact.';
COMMENT ON COLUMN tokenizer.artifact IS 'Tokenizer artifact';
COMMENT ON COLUMN tokenizer.corpus IS 'Name of the corpus that it encodes';
COMMENT ON COLUMN tokenizer.kind IS 'bpe, pretrained, bytes or characters; words for a process';
COMMENT ON COLUMN tokenizer.vocabulary IS 'Number of tokens, the end-of-text token included';
COMMENT ON COLUMN tokenizer.bytes_per_token IS 'UTF-8 bytes per token on the select split';
COMMENT ON COLUMN tokenizer.sha256 IS 'SHA-256 of the tokenizer file';

CREATE TABLE model_class (
    model_class VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    parameters BIGINT,
    training_tokens BIGINT,
    models INTEGER,
    is_current BOOLEAN NOT NULL
);
COMMENT ON TABLE model_class IS 'A class: corpus x size x variant x training budget, which is fixed while seeds vary. Join on label for corpus, size and variant. Grain: model_class.';
COMMENT ON COLUMN model_class.model_class IS 'First 12 hex digits of the digest of everything but the seeds';
COMMENT ON COLUMN model_class.label IS 'corpus/size/variant';
COMMENT ON COLUMN model_class.models IS 'Members trained, including failed ones';
COMMENT ON COLUMN model_class.is_current IS 'Whether the current study has members of this class';

CREATE TABLE model (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    mixer VARCHAR,
    variant VARCHAR NOT NULL,
    gradient VARCHAR,
    gamma DOUBLE,
    seed_init BIGINT NOT NULL,
    seed_order BIGINT NOT NULL,
    method VARCHAR NOT NULL,
    parent VARCHAR,
    scale DOUBLE,
    draw BIGINT,
    status VARCHAR NOT NULL,
    failed_step INTEGER,
    parameters BIGINT,
    training_tokens BIGINT,
    learning_rate DOUBLE,
    cost_seconds DOUBLE,
    weights_sha256 VARCHAR
);
COMMENT ON TABLE model IS 'A model: trained, fine-tuned, pretrained or derived, with its seeds and the outcome of its training. Every model of the results folder is here, those of earlier settings too. Grain: model.';
COMMENT ON COLUMN model.artifact IS 'Training or pretrained artifact; of a derived member, the derived artifact';
COMMENT ON COLUMN model.model IS 'Key of the training or pretrained artifact; of a derived member, a digest of its parent, method, scale and draw';
COMMENT ON COLUMN model.model_class IS 'Its class';
COMMENT ON COLUMN model.mixer IS 'What carries information between its positions: attention or recurrent; NULL in artifacts from before there was a choice, which are attention';
COMMENT ON COLUMN model.gamma IS 'Of discount: factor on the gradient per position back; NULL for other gradients';
COMMENT ON COLUMN model.method IS 'Origin of the member: trained, fine-tuned (from the weights of another member), pretrained (a checkpoint from outside), or derived by noise, dropout, checkpoint or quantised';
COMMENT ON COLUMN model.parent IS 'Member that it was derived or fine-tuned from; NULL for trained ones';
COMMENT ON COLUMN model.scale IS 'Of derived members: noise as a share of the rms of each weight tensor, share of units dropped, share of the training steps done, or rise of the loss that a code was aimed at; NULL for others';
COMMENT ON COLUMN model.draw IS 'Of noise and dropout: random seed; parent, method, scale and draw reproduce the member bit for bit';
COMMENT ON COLUMN model.status IS 'trained, or failed: the loss became infinite or NaN, and the member is in no set; a pretrained one with a finite loss is trained';
COMMENT ON COLUMN model.failed_step IS 'Step at which training failed';
COMMENT ON COLUMN model.learning_rate IS 'Peak learning rate';
COMMENT ON COLUMN model.cost_seconds IS 'Seconds to make it: its training, or its share of the search for the scale and the draws, without the training of its parent';
COMMENT ON COLUMN model.weights_sha256 IS 'SHA-256 of the weights file; of a pretrained member with several files, that of their digests';

CREATE TABLE pretrained_model (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    revision VARCHAR,
    architecture VARCHAR,
    dtype VARCHAR NOT NULL,
    context INTEGER NOT NULL,
    longest INTEGER NOT NULL,
    logits INTEGER NOT NULL,
    step BIGINT,
    labels JSON NOT NULL,
    files JSON NOT NULL
);
COMMENT ON TABLE pretrained_model IS 'A pretrained member with its origin and the factors that describe it: which checkpoint is it? Grain: model.';
COMMENT ON COLUMN pretrained_model.artifact IS 'Pretrained artifact';
COMMENT ON COLUMN pretrained_model.source IS 'Repository of the Hugging Face Hub, or local folder';
COMMENT ON COLUMN pretrained_model.revision IS 'Commit of the repository; NULL for a folder';
COMMENT ON COLUMN pretrained_model.architecture IS 'Class of transformers that its configuration names';
COMMENT ON COLUMN pretrained_model.dtype IS 'Precision of its weights and products here';
COMMENT ON COLUMN pretrained_model.context IS 'Tokens of a window in the study';
COMMENT ON COLUMN pretrained_model.longest IS 'Tokens that it can read at most';
COMMENT ON COLUMN pretrained_model.logits IS 'Logits of a position; those beyond the vocabulary of the tokenizer are left out';
COMMENT ON COLUMN pretrained_model.step IS 'Its factor step: training steps done; NULL if the study names none';
COMMENT ON COLUMN pretrained_model.labels IS 'Its factors besides size, variant and seeds';
COMMENT ON COLUMN pretrained_model.files IS 'SHA-256 of its files by name';

CREATE TABLE tuning (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    learning_rate DOUBLE NOT NULL,
    seed_init BIGINT NOT NULL,
    seed_order BIGINT NOT NULL,
    select_nats DOUBLE,
    status VARCHAR NOT NULL,
    is_chosen BOOLEAN NOT NULL
);
COMMENT ON TABLE tuning IS 'A learning-rate trial: one training run, whose seeds are used nowhere else in the study. The losses behind tuning_summary. Grain: artifact, learning_rate, seed_init, seed_order.';
COMMENT ON COLUMN tuning.artifact IS 'Tuning artifact, one for each corpus, size and variant without a fixed learning rate';
COMMENT ON COLUMN tuning.learning_rate IS 'Peak learning rate of the trial';
COMMENT ON COLUMN tuning.seed_init IS 'Seed of the initial weights; used by no member';
COMMENT ON COLUMN tuning.seed_order IS 'Seed of the data order; used by no member';
COMMENT ON COLUMN tuning.select_nats IS 'Final loss on windows of the select split, the same for all trials; NULL if it failed';
COMMENT ON COLUMN tuning.is_chosen IS 'Whether this rate was chosen: the lowest mean loss among rates without a failed trial';

CREATE TABLE training_curve (
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    tokens BIGINT,
    learning_rate DOUBLE,
    gradient_norm DOUBLE
);
COMMENT ON TABLE training_curve IS 'A member at a step of its training, with its loss on train and select: had training converged? Grain: model, step, split.';
COMMENT ON COLUMN training_curve.split IS 'train (mean over the steps since the last point) or select (fixed windows)';
COMMENT ON COLUMN training_curve.nats IS 'Loss, nats per token';
COMMENT ON COLUMN training_curve.tokens IS 'Tokens trained on so far';
COMMENT ON COLUMN training_curve.learning_rate IS 'Learning rate of the step';
COMMENT ON COLUMN training_curve.gradient_norm IS 'Gradient norm before clipping, mean since the last point; NULL for select';

CREATE TABLE model_loss (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    bits_per_byte DOUBLE,
    top1 DOUBLE,
    documents BIGINT,
    effective_documents DOUBLE,
    tokens BIGINT,
    bytes BIGINT
);
COMMENT ON TABLE model_loss IS 'A member on a split, with its loss, interval over documents and accuracy: the losses that decide membership (select) and that are reported (measure). Grain: artifact, model, split.';
COMMENT ON COLUMN model_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN model_loss.split IS 'select (decides membership) or measure';
COMMENT ON COLUMN model_loss.nats IS 'Loss, nats per token';
COMMENT ON COLUMN model_loss.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN model_loss.bits_per_byte IS 'The same loss in bits per UTF-8 byte';
COMMENT ON COLUMN model_loss.top1 IS 'Share of tokens that the member ranks first';
COMMENT ON COLUMN model_loss.tokens IS 'Tokens scored, end-of-text tokens included';
COMMENT ON COLUMN model_loss.bytes IS 'UTF-8 bytes of the documents scored';

CREATE TABLE document_loss (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    document VARCHAR NOT NULL,
    nats DOUBLE,
    tokens BIGINT,
    bytes BIGINT,
    top1 BIGINT
);
COMMENT ON TABLE document_loss IS 'A member on a document, with the sum of its losses: for paired comparisons and bootstraps of your own, whose units are documents. Grain: artifact, split, document.';
COMMENT ON COLUMN document_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN document_loss.split IS 'select or measure';
COMMENT ON COLUMN document_loss.document IS 'Document id';
COMMENT ON COLUMN document_loss.nats IS 'Sum over the document''s tokens, in nats';
COMMENT ON COLUMN document_loss.tokens IS 'Tokens scored, the end-of-text token included';
COMMENT ON COLUMN document_loss.bytes IS 'UTF-8 bytes';
COMMENT ON COLUMN document_loss.top1 IS 'Tokens that the member ranks first';

CREATE TABLE position_loss (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    position_low INTEGER NOT NULL,
    position_high INTEGER NOT NULL,
    nats DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE position_loss IS 'A member on a bucket of positions in the window: how much does context help, and is one variant worse only late in the window? Grain: artifact, split, position_low.';
COMMENT ON COLUMN position_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN position_loss.split IS 'select or measure';
COMMENT ON COLUMN position_loss.position_low IS 'First position of the bucket: tokens of context before the predicting one';
COMMENT ON COLUMN position_loss.nats IS 'Loss, nats per token';

CREATE TABLE myopia_gap (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    position_low INTEGER NOT NULL,
    position_high INTEGER NOT NULL,
    is_total BOOLEAN NOT NULL,
    gap DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    baseline_nats DOUBLE,
    variant_nats DOUBLE,
    seeds INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE myopia_gap IS 'A variant against its baseline on a bucket of positions or on all, paired over seeds: the loss that is due to gradients that do not reach earlier positions. The gaps of all artifacts, behind myopia_total and myopia_by_position. Grain: artifact, size, baseline, variant, split, is_total, position_low.';
COMMENT ON COLUMN myopia_gap.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_gap.is_total IS 'Whether the row covers all positions';
COMMENT ON COLUMN myopia_gap.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_gap.p IS 'Two-sided; the null is gap = 0';

CREATE TABLE myopia_arm (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    arm VARCHAR NOT NULL,
    is_ngram BOOLEAN NOT NULL,
    gradient VARCHAR,
    gamma DOUBLE,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    gap DOUBLE,
    gap_low DOUBLE,
    gap_high DOUBLE,
    models INTEGER,
    seeds INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE myopia_arm IS 'An arm of the myopia comparison at a size, variant or n-gram baseline, with its loss and its gap to the causal variant. The rows behind arms. Grain: artifact, size, arm.';
COMMENT ON COLUMN myopia_arm.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_arm.size IS 'Name of the size; n-gram baselines have a row for each, with their gap to that size';
COMMENT ON COLUMN myopia_arm.arm IS 'Name of the variant, or unigram or bigram for n-gram counts of the train split';
COMMENT ON COLUMN myopia_arm.is_ngram IS 'Whether it is an n-gram baseline';
COMMENT ON COLUMN myopia_arm.gradient IS 'Gradient flow of the variant; NULL for n-gram baselines';
COMMENT ON COLUMN myopia_arm.gamma IS 'Factor on the gradient per position back: 1 for causal, 0 for myopic, NULL without one';
COMMENT ON COLUMN myopia_arm.nats IS 'Mean loss over members, nats per token';
COMMENT ON COLUMN myopia_arm.nats_low IS 'Lower end of its interval over members and documents; of an n-gram baseline, over documents';
COMMENT ON COLUMN myopia_arm.gap IS 'Loss minus that of the causal variant, mean over shared seeds; of an n-gram baseline, over the causal members';
COMMENT ON COLUMN myopia_arm.gap_low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_arm.models IS 'Members; NULL for n-gram baselines';
COMMENT ON COLUMN myopia_arm.seeds IS 'Causal members that the gap is relative to; 0 for the causal variant itself';

CREATE TABLE myopia_part (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    local VARCHAR NOT NULL,
    past VARCHAR NOT NULL,
    myopic VARCHAR,
    part VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    seeds INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE myopia_part IS 'A part of the myopia gap at a size: local malus, the information lost from the past, or local bonus, the better local fit. The rows behind myopia_parts. Grain: artifact, size, local, myopic, part.';
COMMENT ON COLUMN myopia_part.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_part.local IS 'Variant trained on top of a frozen member that provides all earlier positions';
COMMENT ON COLUMN myopia_part.past IS 'Variant of the frozen member';
COMMENT ON COLUMN myopia_part.myopic IS 'Myopic variant; NULL without one, or if the past is not causal';
COMMENT ON COLUMN myopia_part.part IS 'bonus (loss of past minus local), malus (myopic minus local) or gap (myopic minus past = malus - bonus)';
COMMENT ON COLUMN myopia_part.nats IS 'Mean over shared seeds, nats per token';
COMMENT ON COLUMN myopia_part.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_part.p IS 'Two-sided; the null is 0';
COMMENT ON COLUMN myopia_part.seeds IS 'Seeds that all three variants share';

CREATE TABLE myopia_curve (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    tokens BIGINT,
    gap DOUBLE,
    low DOUBLE,
    high DOUBLE,
    seeds INTEGER
);
COMMENT ON TABLE myopia_curve IS 'A variant against its baseline at a step of training, on the windows of the select curve. The rows behind myopia_by_tokens. Grain: artifact, size, baseline, variant, step.';
COMMENT ON COLUMN myopia_curve.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_curve.tokens IS 'Tokens trained on so far';
COMMENT ON COLUMN myopia_curve.low IS 'Lower end of its interval over seeds; the windows are fixed';

CREATE TABLE myopia_horizon (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
    baseline VARCHAR,
    split VARCHAR NOT NULL,
    gammas INTEGER,
    gap DOUBLE,
    half_gamma DOUBLE,
    half_gamma_low DOUBLE,
    half_gamma_high DOUBLE,
    horizon DOUBLE,
    horizon_low DOUBLE,
    horizon_high DOUBLE,
    fitted_horizon DOUBLE,
    seeds INTEGER
);
COMMENT ON TABLE myopia_horizon IS 'A size with its planning horizon: the distance over which gradients must flow to recover half of the myopia gap. The rows behind planning_horizon. Grain: artifact, size.';
COMMENT ON COLUMN myopia_horizon.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_horizon.baseline IS 'The causal variant';
COMMENT ON COLUMN myopia_horizon.gammas IS 'Discounts with members, including 0 (myopic) and 1 (causal); NULL, with all that follow, if either is missing';
COMMENT ON COLUMN myopia_horizon.gap IS 'Gap at gamma = 0, nats per token';
COMMENT ON COLUMN myopia_horizon.half_gamma IS 'Discount with half of that gap, by linear interpolation between the gammas; NULL if the gap is not above 0';
COMMENT ON COLUMN myopia_horizon.half_gamma_low IS 'Lower end of its interval: bootstrap over seeds and documents, expanded for the number of seeds';
COMMENT ON COLUMN myopia_horizon.horizon IS 'Effective planning horizon in tokens, 1 / (1 - half_gamma)';
COMMENT ON COLUMN myopia_horizon.horizon_low IS 'Lower end of its interval';
COMMENT ON COLUMN myopia_horizon.fitted_horizon IS 'Horizon from a fitted curve a (1 - gamma) / (1 - gamma r) through all gaps; NULL without a fit';
COMMENT ON COLUMN myopia_horizon.seeds IS 'Seeds that all variants share';

CREATE TABLE myopia_gradient (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    level VARCHAR NOT NULL,
    weights VARCHAR NOT NULL,
    gamma DOUBLE NOT NULL,
    norm DOUBLE,
    rest_norm DOUBLE,
    whole_norm DOUBLE,
    projection DOUBLE,
    cosine DOUBLE,
    rest_cosine DOUBLE,
    windows INTEGER
);
COMMENT ON TABLE myopia_gradient IS 'A group of weights of a causal member at a discount gamma, where the part of the gradient from losses k positions later is scaled by gamma^k: 0 is the present position alone, 1 the full gradient. The rows behind gradient_share. Grain: artifact, model, level, weights, gamma.';
COMMENT ON COLUMN myopia_gradient.artifact IS 'Gradient artifact';
COMMENT ON COLUMN myopia_gradient.level IS 'mean (gradient of the mean loss over all windows) or window (squares and products of the gradient of one window, averaged over windows)';
COMMENT ON COLUMN myopia_gradient.weights IS 'Weight group: W_E, W_pos, W_Q, W_K, W_V, W_O, W_in, W_out, W_U (over all layers), norms or all';
COMMENT ON COLUMN myopia_gradient.gamma IS 'Discount; reaches about 1 / (1 - gamma) positions';
COMMENT ON COLUMN myopia_gradient.norm IS 'Norm of the discounted gradient: of the present at gamma = 0';
COMMENT ON COLUMN myopia_gradient.rest_norm IS 'Norm of the full minus the discounted gradient: of the future at gamma = 0';
COMMENT ON COLUMN myopia_gradient.whole_norm IS 'Norm of the full gradient';
COMMENT ON COLUMN myopia_gradient.projection IS 'Projection of the discounted on the full gradient / squared norm of the full: the share of the first-order gain; may leave 0 to 1';
COMMENT ON COLUMN myopia_gradient.cosine IS 'Cosine of the discounted and the full gradient';
COMMENT ON COLUMN myopia_gradient.rest_cosine IS 'Cosine of the discounted gradient and the rest: of present and future at gamma = 0; NULL if the rest is 0';
COMMENT ON COLUMN myopia_gradient.windows IS 'Windows of the train split';

CREATE TABLE ngram_loss (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    nats_low DOUBLE,
    nats_high DOUBLE,
    bits_per_byte DOUBLE,
    documents BIGINT,
    effective_documents DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE ngram_loss IS 'An n-gram baseline on a split: what do counts of the train split reach, as a point of comparison for the losses of members? Grain: artifact, baseline, split.';
COMMENT ON COLUMN ngram_loss.artifact IS 'N-gram baseline artifact';
COMMENT ON COLUMN ngram_loss.baseline IS 'unigram (add-one) or bigram (Witten-Bell, interpolated with the unigram)';
COMMENT ON COLUMN ngram_loss.split IS 'select or measure';
COMMENT ON COLUMN ngram_loss.nats IS 'Loss, nats per token';
COMMENT ON COLUMN ngram_loss.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN ngram_loss.bits_per_byte IS 'The same loss in bits per UTF-8 byte';
COMMENT ON COLUMN ngram_loss.tokens IS 'Tokens scored, end-of-text tokens included';

CREATE TABLE ngram_position_loss (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    position_low INTEGER NOT NULL,
    position_high INTEGER NOT NULL,
    nats DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE ngram_position_loss IS 'An n-gram baseline on a bucket of positions, in the windows of members: from which position on do members use more than the last token? Grain: artifact, baseline, split, position_low.';
COMMENT ON COLUMN ngram_position_loss.artifact IS 'N-gram baseline artifact';
COMMENT ON COLUMN ngram_position_loss.baseline IS 'unigram or bigram';
COMMENT ON COLUMN ngram_position_loss.split IS 'select or measure';
COMMENT ON COLUMN ngram_position_loss.nats IS 'Loss, nats per token';

CREATE TABLE mean_interval (
    n INTEGER NOT NULL,
    confidence DOUBLE NOT NULL,
    half_width DOUBLE NOT NULL
);
COMMENT ON TABLE mean_interval IS 'A number of values, with the half width of the t interval of their mean in standard deviations: the mean over n members is mean ± half_width * sd. Views take their intervals from here. Grain: n.';
COMMENT ON COLUMN mean_interval.n IS 'Independent values in the mean, from 2 to 1,001: members, seeds or documents';
COMMENT ON COLUMN mean_interval.confidence IS 'Confidence of the current study';
COMMENT ON COLUMN mean_interval.half_width IS 'Half width in standard deviations of the values: quantile of Student''s t with n - 1 degrees of freedom / sqrt(n)';

CREATE TABLE primary_claim (
    rank INTEGER NOT NULL,
    claim VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    baseline VARCHAR NOT NULL,
    within VARCHAR NOT NULL,
    probe VARCHAR,
    exploratory VARCHAR,
    severity INTEGER,
    stage VARCHAR NOT NULL
);
COMMENT ON TABLE primary_claim IS 'A claim that the study named before the run, in its order: what was there to be tested? Grain: rank.';
COMMENT ON COLUMN primary_claim.rank IS 'Position in the list of the configuration, from 1';
COMMENT ON COLUMN primary_claim.baseline IS 'Variant or size it is compared with';
COMMENT ON COLUMN primary_claim.exploratory IS 'Why it is exploratory all the same, such as a size that was chosen for its result; NULL for a primary claim';
COMMENT ON COLUMN primary_claim.stage IS 'Analysis that tests it';

CREATE TABLE contrast (
    artifact VARCHAR NOT NULL,
    claim VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    baseline VARCHAR,
    within VARCHAR NOT NULL,
    within_baseline VARCHAR,
    probe VARCHAR,
    severity INTEGER,
    estimate DOUBLE,
    low DOUBLE,
    high DOUBLE,
    p DOUBLE,
    degrees DOUBLE,
    detectable DOUBLE,
    inits INTEGER,
    orders INTEGER,
    documents INTEGER,
    effective_documents DOUBLE
);
COMMENT ON TABLE contrast IS 'A claim that an analysis tested, primary or exploratory, with estimate, interval, p and corrected p. The rows behind tested_claims. Grain: artifact, claim, corpus, subject, baseline, within, within_baseline, probe, severity.';
COMMENT ON COLUMN contrast.artifact IS 'Artifact of the analysis';
COMMENT ON COLUMN contrast.baseline IS 'Variant or size it is compared with; NULL for a trend over severities';
COMMENT ON COLUMN contrast.within_baseline IS 'Variant whose loss is subtracted from that of within; gap_by_size only';
COMMENT ON COLUMN contrast.estimate IS 'Difference, or log ratio for spread';
COMMENT ON COLUMN contrast.low IS 'Lower end of its interval';
COMMENT ON COLUMN contrast.p IS 'Two-sided p';
COMMENT ON COLUMN contrast.degrees IS 'Degrees of freedom of its error over members and documents together, fractional (Satterthwaite)';
COMMENT ON COLUMN contrast.detectable IS 'The true effect whose interval excludes 0 in 80% of studies with these errors, before correction; NULL where the interval is that of shares';
COMMENT ON COLUMN contrast.inits IS 'Seeds of initial weights of the members on one side; the other side has the same seeds or a single model';
COMMENT ON COLUMN contrast.orders IS 'Seeds of data order of the members on one side';
