-- Members of the study that trained, with their losses
SELECT model, label, corpus, seed_init, seed_order, select_nats, measure_nats
FROM current_model
WHERE status = 'trained'
ORDER BY label, seed_init, seed_order, model;
