-- Weights of the masks as letters come, in the first documents: each member, and exact
SELECT m.label, w.model, w.kind, w.document, w.letters, w.mask, w.weight, w.posterior, w.is_true_mask
FROM mask_weights AS w
JOIN artifact AS a ON a.artifact = w.artifact AND a.is_current
JOIN current_model AS m ON m.model = w.model
WHERE w.document < 8
ORDER BY w.kind, w.document, w.letters, m.label, m.seed_init, m.seed_order, w.model, w.mask;
