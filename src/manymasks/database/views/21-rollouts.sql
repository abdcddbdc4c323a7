CREATE VIEW rollout_agreement AS
SELECT
    c.corpus,
    c.size,
    c.variant,
    s.pool AS label,
    s.other,
    s.pool = s.other AS is_within,
    s.mode,
    s.step,
    s.survival,
    s.low,
    s.high,
    s.models,
    s.documents,
    s.effective_documents
FROM agreement_survival AS s
JOIN artifact AS e ON e.artifact = s.artifact AND e.is_current
JOIN model_class AS c ON c.label = s.pool AND c.is_current
ORDER BY c.corpus, s.mode, c.parameters, s.pool, s.other, s.step;
COMMENT ON VIEW rollout_agreement IS 'A class, or two, at a number of generated tokens, with the share of pairs and prompts whose texts are still identical: how soon do two models write differently? Grain: label, other, mode, step.';
COMMENT ON COLUMN rollout_agreement.step IS 'Tokens generated; 0 is the prompt';
COMMENT ON COLUMN rollout_agreement.low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN rollout_agreement.documents IS 'Documents of the prompts';

CREATE VIEW rollout_summary AS
SELECT
    c.corpus,
    c.size,
    c.variant,
    r.pool AS label,
    r.other,
    r.pool = r.other AS is_within,
    r.mode,
    r.metric,
    r.value,
    r.low,
    r.high,
    r.floor,
    r.models,
    r.documents,
    r.effective_documents
FROM rollout_pool AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
JOIN model_class AS c ON c.label = r.pool AND c.is_current
ORDER BY c.corpus, r.metric, r.mode, c.parameters, r.pool, r.other;
COMMENT ON VIEW rollout_summary IS 'A class, or two, with a divergence of the texts that pairs of its members write: how differently do they write in the end? Grain: label, other, mode, metric.';
COMMENT ON COLUMN rollout_summary.metric IS 'agreed_tokens, censored, loops, sequence_kl, cross_nats or text_kl: see rollout_pool; across two classes the last three are means of both directions';
COMMENT ON COLUMN rollout_summary.value IS 'Mean; sequence_kl, cross_nats and text_kl in nats per token';
COMMENT ON COLUMN rollout_summary.low IS 'Lower end of its interval over models and documents';
COMMENT ON COLUMN rollout_summary.floor IS 'Noise floor: members against themselves in another batch; NULL if not measured';
COMMENT ON COLUMN rollout_summary.documents IS 'Documents of the prompts';

CREATE VIEW written_text AS
SELECT
    m.corpus,
    m.label,
    r.mode,
    r.item,
    r.model,
    m.seed_init,
    m.seed_order,
    r.document,
    r.prompt,
    r.text,
    r.length,
    r.loop_entry,
    r.loop_period,
    r.distinct_share,
    r.nats,
    r.entropy
FROM rollout AS r
JOIN artifact AS e ON e.artifact = r.artifact AND e.is_current
JOIN current_model AS m ON m.model = r.model
ORDER BY m.corpus, r.mode, r.item, m.label, m.seed_init, m.seed_order;
COMMENT ON VIEW written_text IS 'A text that a member wrote after a prompt: read the members side by side. Grain: model, mode, item.';
COMMENT ON COLUMN written_text.item IS 'Prompt';
COMMENT ON COLUMN written_text.document IS 'Document of the prompt';
COMMENT ON COLUMN written_text.nats IS 'Mean loss of the member on its text';
COMMENT ON COLUMN written_text.entropy IS 'Mean entropy of its predictive distributions';
