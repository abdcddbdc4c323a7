-- The tables, one grain each. A table's comment ends with "Grain: columns.": the loader reads
-- it there and refuses rows that are not unique in those columns. Losses and divergences are
-- in nats (natural logarithm) per token unless a column says otherwise. Columns without a comment
-- get that of columns.sql.

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
COMMENT ON TABLE artifact IS 'Every artifact made in this results folder before this database was loaded. Grain: artifact.';
COMMENT ON COLUMN artifact.artifact IS 'Key: first 12 hex digits of the digest; the artifact lies in results/<stage>/<artifact>/';
COMMENT ON COLUMN artifact.stage IS 'Stage that made it';
COMMENT ON COLUMN artifact.label IS 'Readable name when it was made, such as training/pydocs/base/causal/i0-o1';
COMMENT ON COLUMN artifact.is_current IS 'Whether the study this database was loaded for uses it';
COMMENT ON COLUMN artifact.digest IS 'SHA-256 of settings, code and input digests in canonical JSON';
COMMENT ON COLUMN artifact.created IS 'When it was finished (UTC)';
COMMENT ON COLUMN artifact.wall_seconds IS 'Seconds by the clock, summed over interrupted runs';
COMMENT ON COLUMN artifact.cpu_seconds IS 'Processor seconds, user and system, of the last run';
COMMENT ON COLUMN artifact.peak_memory_bytes IS 'Peak resident memory of the last run';
COMMENT ON COLUMN artifact.payload_bytes IS 'Bytes of its payload files';
COMMENT ON COLUMN artifact.settings IS 'Its resolved identity settings, defaults included';
COMMENT ON COLUMN artifact.code IS 'Digest of each module in the stage''s import closure';
COMMENT ON COLUMN artifact.environment IS 'Python, packages, machine and git state it was made with';
COMMENT ON COLUMN artifact.figures IS 'Figures of merit the stage reported';

CREATE TABLE artifact_input (
    artifact VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    input VARCHAR NOT NULL
);
COMMENT ON TABLE artifact_input IS 'What each artifact was made from. Grain: artifact, role, position.';
COMMENT ON COLUMN artifact_input.artifact IS 'The artifact made';
COMMENT ON COLUMN artifact_input.role IS 'What the input was used as';
COMMENT ON COLUMN artifact_input.position IS 'Place among the inputs of that role, from 0';
COMMENT ON COLUMN artifact_input.input IS 'Key of the artifact used';

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
    empty_documents BIGINT,
    duplicate_documents BIGINT,
    undecodable_documents BIGINT,
    sha256 VARCHAR,
    source VARCHAR,
    licence VARCHAR
);
COMMENT ON TABLE corpus IS 'Corpora: documents with a source, split by document. Grain: artifact.';
COMMENT ON COLUMN corpus.artifact IS 'Corpus artifact';
COMMENT ON COLUMN corpus.kind IS 'pydocs, files, url or hub';
COMMENT ON COLUMN corpus.documents IS 'Documents kept';
COMMENT ON COLUMN corpus.train_documents IS 'Documents of the train split';
COMMENT ON COLUMN corpus.select_documents IS 'Documents of the split that decides membership';
COMMENT ON COLUMN corpus.measure_documents IS 'Documents of the split everything else is measured on';
COMMENT ON COLUMN corpus.characters IS 'Characters of all documents kept';
COMMENT ON COLUMN corpus.bytes IS 'UTF-8 bytes of all documents kept';
COMMENT ON COLUMN corpus.empty_documents IS 'Documents dropped because nothing but white space was in them';
COMMENT ON COLUMN corpus.duplicate_documents IS 'Documents dropped because an earlier one has the same text';
COMMENT ON COLUMN corpus.undecodable_documents IS 'Documents dropped because they are not UTF-8';
COMMENT ON COLUMN corpus.sha256 IS 'SHA-256 over the ids and texts of all documents';
COMMENT ON COLUMN corpus.source IS 'Where the text came from, with versions';
COMMENT ON COLUMN corpus.licence IS 'Licence of the text, where it is known';

CREATE TABLE tokenizer (
    artifact VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    vocabulary INTEGER NOT NULL,
    bytes_per_token DOUBLE,
    sha256 VARCHAR
);
COMMENT ON TABLE tokenizer IS 'Tokenizers, one a corpus. Grain: artifact.';
COMMENT ON COLUMN tokenizer.artifact IS 'Tokenizer artifact';
COMMENT ON COLUMN tokenizer.corpus IS 'Name of the corpus it was trained on';
COMMENT ON COLUMN tokenizer.kind IS 'bpe, bytes or characters';
COMMENT ON COLUMN tokenizer.vocabulary IS 'Number of tokens, the end of text among them';
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
COMMENT ON TABLE model_class IS 'What stays fixed while seeds vary: corpus x size x variant x training budget. Grain: model_class.';
COMMENT ON COLUMN model_class.model_class IS 'First 12 hex digits of the digest of everything but the seeds';
COMMENT ON COLUMN model_class.label IS 'corpus/size/variant';
COMMENT ON COLUMN model_class.models IS 'Members trained, failed ones too';
COMMENT ON COLUMN model_class.is_current IS 'Whether the current study has members of this class';

CREATE TABLE model (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    model_class VARCHAR NOT NULL,
    corpus VARCHAR NOT NULL,
    size VARCHAR NOT NULL,
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
COMMENT ON TABLE model IS 'Members: one model each. Grain: model.';
COMMENT ON COLUMN model.artifact IS 'Training artifact, or the candidates artifact of a derived member';
COMMENT ON COLUMN model.model IS 'Key of the training artifact; of a derived member, a digest of its parent, method, scale and draw';
COMMENT ON COLUMN model.model_class IS 'Its class';
COMMENT ON COLUMN model.gamma IS 'Of discount: the share of a gradient that reaches the position before; NULL for all others';
COMMENT ON COLUMN model.method IS 'How the member came about: trained, fine-tuned from another''s weights, or derived: noise, dropout or checkpoint';
COMMENT ON COLUMN model.parent IS 'The member that it was derived from, or whose weights it started from; NULL for trained ones';
COMMENT ON COLUMN model.scale IS 'Of derived members: noise as a share of the rms of each weight tensor, share of units dropped, or share of the steps done; NULL for others';
COMMENT ON COLUMN model.draw IS 'Of noise and dropout: seed of the draw; parent, method, scale and draw make the member again, bit for bit';
COMMENT ON COLUMN model.status IS 'trained, or failed: its loss became infinite or not a number, and it is in no set';
COMMENT ON COLUMN model.failed_step IS 'The step at which it failed';
COMMENT ON COLUMN model.learning_rate IS 'Peak learning rate';
COMMENT ON COLUMN model.cost_seconds IS 'Seconds it took to make: its training, or its share of finding the scale and drawing, beyond its parent''s';
COMMENT ON COLUMN model.weights_sha256 IS 'SHA-256 of the weights file';

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
COMMENT ON TABLE tuning IS 'Trials of learning rates, one training each, with seeds of their own. Grain: artifact, learning_rate, seed_init, seed_order.';
COMMENT ON COLUMN tuning.artifact IS 'Tuning artifact, one for each corpus, size and variant whose learning rate is to be found';
COMMENT ON COLUMN tuning.learning_rate IS 'Peak learning rate that was tried';
COMMENT ON COLUMN tuning.seed_init IS 'Seed of the initial weights; no seed of the study';
COMMENT ON COLUMN tuning.seed_order IS 'Seed of the data order; no seed of the study';
COMMENT ON COLUMN tuning.select_nats IS 'Loss at the end, on windows of the select split that all trials share; NULL if it failed';
COMMENT ON COLUMN tuning.is_chosen IS 'Whether this rate was chosen: lowest mean loss of the rates none of whose trials failed';

CREATE TABLE training_curve (
    model VARCHAR NOT NULL,
    step INTEGER NOT NULL,
    split VARCHAR NOT NULL,
    nats DOUBLE,
    tokens BIGINT,
    learning_rate DOUBLE,
    gradient_norm DOUBLE
);
COMMENT ON TABLE training_curve IS 'Loss while training. Grain: model, step, split.';
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
    tokens BIGINT,
    bytes BIGINT
);
COMMENT ON TABLE model_loss IS 'Loss of a member on a split. Grain: artifact, model, split.';
COMMENT ON COLUMN model_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN model_loss.split IS 'select (decides membership) or measure';
COMMENT ON COLUMN model_loss.nats IS 'Loss, nats per token';
COMMENT ON COLUMN model_loss.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN model_loss.bits_per_byte IS 'The same loss in bits per UTF-8 byte';
COMMENT ON COLUMN model_loss.top1 IS 'Share of tokens that the member ranked first';
COMMENT ON COLUMN model_loss.tokens IS 'Tokens scored, ends of text included';
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
COMMENT ON TABLE document_loss IS 'Loss of a member on a document. Grain: artifact, split, document.';
COMMENT ON COLUMN document_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN document_loss.split IS 'select or measure';
COMMENT ON COLUMN document_loss.document IS 'Document id';
COMMENT ON COLUMN document_loss.nats IS 'Sum over the document''s tokens, in nats';
COMMENT ON COLUMN document_loss.tokens IS 'Tokens scored, the end of text included';
COMMENT ON COLUMN document_loss.bytes IS 'UTF-8 bytes';
COMMENT ON COLUMN document_loss.top1 IS 'Tokens that the member ranked first';

CREATE TABLE position_loss (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    position_low INTEGER NOT NULL,
    position_high INTEGER NOT NULL,
    nats DOUBLE,
    tokens BIGINT
);
COMMENT ON TABLE position_loss IS 'Loss of a member by position in its window. Grain: artifact, split, position_low.';
COMMENT ON COLUMN position_loss.artifact IS 'Evaluation artifact';
COMMENT ON COLUMN position_loss.split IS 'select or measure';
COMMENT ON COLUMN position_loss.position_low IS 'First position of the bucket: tokens of context before the one that predicts';
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
    documents INTEGER
);
COMMENT ON TABLE myopia_gap IS 'Loss of a variant less that of its baseline, paired over seeds. Grain: artifact, size, baseline, variant, split, is_total, position_low.';
COMMENT ON COLUMN myopia_gap.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_gap.is_total IS 'Whether the row is over all positions';
COMMENT ON COLUMN myopia_gap.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_gap.p IS 'Two-sided p of gap = 0';

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
    documents INTEGER
);
COMMENT ON TABLE myopia_arm IS 'Loss of each variant and floor, and its gap to the causal variant. Grain: artifact, size, arm.';
COMMENT ON COLUMN myopia_arm.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_arm.size IS 'Name of the size; floors have a row for each, with the gap to that size';
COMMENT ON COLUMN myopia_arm.arm IS 'Name of the variant, or unigram or bigram: counts of the train split';
COMMENT ON COLUMN myopia_arm.is_ngram IS 'Whether it is a floor of counts and no variant';
COMMENT ON COLUMN myopia_arm.gradient IS 'How gradients flow in the variant; NULL for floors';
COMMENT ON COLUMN myopia_arm.gamma IS 'Discount of gradients by one position back: 1 for causal, 0 for myopic, NULL where there is none';
COMMENT ON COLUMN myopia_arm.nats IS 'Mean loss over members, nats per token';
COMMENT ON COLUMN myopia_arm.nats_low IS 'Lower end of its interval over members and documents; of a floor, over documents';
COMMENT ON COLUMN myopia_arm.gap IS 'Loss less that of the causal variant, mean over shared seeds; of a floor, over the causal members';
COMMENT ON COLUMN myopia_arm.gap_low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_arm.models IS 'Members; NULL for floors';
COMMENT ON COLUMN myopia_arm.seeds IS 'Members of the causal variant that the gap is to; 0 for itself';

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
    documents INTEGER
);
COMMENT ON TABLE myopia_part IS 'The myopia gap as local malus less local bonus, over the same seeds. Grain: artifact, size, local, myopic, part.';
COMMENT ON COLUMN myopia_part.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_part.local IS 'Variant trained while all earlier positions stayed those of a finished member';
COMMENT ON COLUMN myopia_part.past IS 'Variant of that member';
COMMENT ON COLUMN myopia_part.myopic IS 'Myopic variant; NULL where there is none, or where the past is not causal';
COMMENT ON COLUMN myopia_part.part IS 'bonus (loss of past less that of local), malus (myopic less local) or gap (myopic less past = malus - bonus)';
COMMENT ON COLUMN myopia_part.nats IS 'Mean over shared seeds, nats per token';
COMMENT ON COLUMN myopia_part.low IS 'Lower end of its interval over seeds and documents';
COMMENT ON COLUMN myopia_part.p IS 'Two-sided p of 0';
COMMENT ON COLUMN myopia_part.seeds IS 'Seeds that all of the variants share';

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
COMMENT ON TABLE myopia_curve IS 'The gap while training, on the windows of the select curve. Grain: artifact, size, baseline, variant, step.';
COMMENT ON COLUMN myopia_curve.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_curve.tokens IS 'Tokens trained on so far';
COMMENT ON COLUMN myopia_curve.low IS 'Lower end of its interval over seeds; the windows are given';

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
COMMENT ON TABLE myopia_horizon IS 'How far ahead planning pays: the discount that leaves half of the myopia gap. Grain: artifact, size.';
COMMENT ON COLUMN myopia_horizon.artifact IS 'Myopia artifact';
COMMENT ON COLUMN myopia_horizon.baseline IS 'The causal variant';
COMMENT ON COLUMN myopia_horizon.gammas IS 'Discounts with members, 0 (myopic) and 1 (causal) among them; NULL, as all that follows, where one of these two is missing';
COMMENT ON COLUMN myopia_horizon.gap IS 'Gap at gamma = 0, nats per token';
COMMENT ON COLUMN myopia_horizon.half_gamma IS 'Where lines through the gaps at the gammas tried first reach half of that; NULL where it is not above 0';
COMMENT ON COLUMN myopia_horizon.half_gamma_low IS 'Lower end of its interval: bootstrap over seeds and documents, too narrow for few seeds';
COMMENT ON COLUMN myopia_horizon.horizon IS 'Effective planning horizon in tokens, 1 / (1 - half_gamma)';
COMMENT ON COLUMN myopia_horizon.horizon_low IS 'Lower end of its interval';
COMMENT ON COLUMN myopia_horizon.fitted_horizon IS 'The same by a curve a (1 - gamma) / (1 - gamma r) through all gaps; NULL where none fits';
COMMENT ON COLUMN myopia_horizon.seeds IS 'Seeds that all of the variants share';

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
COMMENT ON TABLE myopia_gradient IS 'The gradient of a causal member on train text when what comes from k positions later counts gamma^k: 0 is the present, 1 the whole. Grain: artifact, model, level, weights, gamma.';
COMMENT ON COLUMN myopia_gradient.artifact IS 'Gradient artifact';
COMMENT ON COLUMN myopia_gradient.level IS 'mean (the gradient of the mean loss over all windows) or window (of one window: squares and products averaged over windows)';
COMMENT ON COLUMN myopia_gradient.weights IS 'W_E, W_pos, W_Q, W_K, W_V, W_O, W_in, W_out, W_U (over all layers), norms or all';
COMMENT ON COLUMN myopia_gradient.gamma IS 'Discount; reaches about 1 / (1 - gamma) positions';
COMMENT ON COLUMN myopia_gradient.norm IS 'Norm of the discounted gradient: of the present at gamma = 0';
COMMENT ON COLUMN myopia_gradient.rest_norm IS 'Norm of the whole gradient less the discounted one: of the future at gamma = 0';
COMMENT ON COLUMN myopia_gradient.whole_norm IS 'Norm of the whole gradient';
COMMENT ON COLUMN myopia_gradient.projection IS 'Discounted gradient on the whole one, over the squared norm of the whole: the share of a small step''s gain; may leave 0 to 1';
COMMENT ON COLUMN myopia_gradient.cosine IS 'Cosine of the discounted and the whole gradient';
COMMENT ON COLUMN myopia_gradient.rest_cosine IS 'Cosine of the discounted gradient and the rest: of present and future at gamma = 0; NULL where there is no rest';
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
    tokens BIGINT
);
COMMENT ON TABLE ngram_loss IS 'Loss of counts of the train split. Grain: artifact, baseline, split.';
COMMENT ON COLUMN ngram_loss.artifact IS 'Floor artifact';
COMMENT ON COLUMN ngram_loss.baseline IS 'unigram (add-one) or bigram (Witten-Bell, interpolated with the unigram)';
COMMENT ON COLUMN ngram_loss.split IS 'select or measure';
COMMENT ON COLUMN ngram_loss.nats IS 'Loss, nats per token';
COMMENT ON COLUMN ngram_loss.nats_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN ngram_loss.bits_per_byte IS 'The same loss in bits per UTF-8 byte';
COMMENT ON COLUMN ngram_loss.tokens IS 'Tokens scored, ends of text included';

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
COMMENT ON TABLE ngram_position_loss IS 'Loss of counts of the train split by position in the windows of models. Grain: artifact, baseline, split, position_low.';
COMMENT ON COLUMN ngram_position_loss.artifact IS 'Floor artifact';
COMMENT ON COLUMN ngram_position_loss.baseline IS 'unigram or bigram';
COMMENT ON COLUMN ngram_position_loss.split IS 'select or measure';
COMMENT ON COLUMN ngram_position_loss.nats IS 'Loss, nats per token';

CREATE TABLE mean_interval (
    n INTEGER NOT NULL,
    confidence DOUBLE NOT NULL,
    half_width DOUBLE NOT NULL
);
COMMENT ON TABLE mean_interval IS 'Half widths of t intervals: join n to the number of members of a class, and their mean has the interval mean ± half_width * sd. Views take it from here. Grain: n.';
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
    severity INTEGER,
    stage VARCHAR NOT NULL
);
COMMENT ON TABLE primary_claim IS 'Claims that the current study named before it was run. Grain: rank.';
COMMENT ON COLUMN primary_claim.rank IS 'Position in the list of the configuration, from 1';
COMMENT ON COLUMN primary_claim.baseline IS 'Variant or size it is compared with';
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
    models INTEGER,
    documents INTEGER
);
COMMENT ON TABLE contrast IS 'Every tested claim. Grain: artifact, claim, corpus, subject, baseline, within, within_baseline, probe, severity.';
COMMENT ON COLUMN contrast.artifact IS 'Artifact of the analysis';
COMMENT ON COLUMN contrast.baseline IS 'Variant or size it is compared with; NULL for a trend over severities';
COMMENT ON COLUMN contrast.within_baseline IS 'Variant whose loss is subtracted from that of within; gap_by_size only';
COMMENT ON COLUMN contrast.estimate IS 'Difference, or log ratio for spread';
COMMENT ON COLUMN contrast.low IS 'Lower end of its interval';
COMMENT ON COLUMN contrast.p IS 'Two-sided p';
