-- How differently do two models of one class predict held-out text, and how little do their losses show?
WITH tightest AS (
    SELECT label, first(rashomon_set ORDER BY eps_nats, rashomon_set) AS rashomon_set
    FROM equal_loss_pairs
    GROUP BY label
),
pairs AS (
    SELECT label, count(*) AS pairs, max(abs(visible)) AS visible,
        avg(1 - top1_agreement) AS other_top1
    FROM equal_loss_pairs
    JOIN tightest USING (label, rashomon_set)
    GROUP BY label
)
SELECT s.label, s.kl AS value, s.low, s.high, s.floor, s.models, s.documents,
    s.effective_documents, p.pairs, p.visible, p.other_top1
FROM severity_curve AS s
SEMI JOIN text_corpus USING (corpus)
LEFT JOIN pairs AS p USING (label)
LEFT JOIN model_class AS c ON c.label = s.label AND c.is_current
WHERE s.is_text
ORDER BY c.parameters DESC, s.label;
