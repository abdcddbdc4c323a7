CREATE VIEW mask_inertia_by_class AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    i.before,
    avg(i.median) AS median,
    min(i.median) AS median_lowest,
    max(i.median) AS median_highest,
    avg(i.changed) AS changed,
    any_value(b.median) AS bayes,
    any_value(b.median_low) AS bayes_low,
    any_value(b.median_high) AS bayes_high,
    any_value(b.changed) AS bayes_changed,
    count(i.median) AS medians,
    count(*) AS models
FROM mask_inertia AS i
JOIN artifact AS e ON e.artifact = i.artifact AND e.is_current
JOIN current_model AS m ON m.model = i.model
JOIN mask_inertia AS b ON b.artifact = i.artifact AND b.model = 'bayes'
GROUP BY ALL;
COMMENT ON VIEW mask_inertia_by_class IS 'A class, with the letters after a splice until its members change their mask, beside the exact posterior: is it slower than Bayes to change its mind? Grain: label, before.';
COMMENT ON COLUMN mask_inertia_by_class.median IS 'Letters after the splice until the second mask outweighs the first: mean of the members'' medians, without medians beyond the document';
COMMENT ON COLUMN mask_inertia_by_class.median_lowest IS 'Lowest median of a member';
COMMENT ON COLUMN mask_inertia_by_class.median_highest IS 'Highest median of a member';
COMMENT ON COLUMN mask_inertia_by_class.changed IS 'Share of documents with a change, mean over members';
COMMENT ON COLUMN mask_inertia_by_class.bayes IS 'Median of the exact posterior';
COMMENT ON COLUMN mask_inertia_by_class.bayes_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_inertia_by_class.bayes_changed IS 'Share of documents with a change of the exact posterior';
COMMENT ON COLUMN mask_inertia_by_class.medians IS 'Members with a median inside the document';

CREATE VIEW masks_or_machinery AS
SELECT
    a.label,
    a.corpus,
    a.size,
    a.variant,
    p.letters,
    avg(p.kl) AS kl,
    avg(p.mask) AS mask,
    avg(p.machinery) AS machinery,
    avg(p.mask) / nullif(avg(p.kl), 0) AS share,
    any_value(c.share_low) AS share_low,
    any_value(c.share_high) AS share_high,
    any_value(c.share_null) AS share_null,
    any_value(c.share_null_lowest) AS share_null_lowest,
    any_value(c.share_null_highest) AS share_null_highest,
    count(*) AS pairs,
    -- All members but the first are the second of some pair.
    count(DISTINCT p.model_b) + 1 AS models
FROM mask_pair AS p
JOIN artifact AS e ON e.artifact = p.artifact AND e.is_current
JOIN current_model AS a ON a.model = p.model_a
LEFT JOIN mask_class AS c
    ON c.artifact = p.artifact
    AND c.size = a.size
    AND c.variant = a.variant
    AND c.letters = p.letters
GROUP BY ALL;
COMMENT ON VIEW masks_or_machinery IS 'A class at a number of letters, with the divergence of its members split into mask weights and the rest: do two seeds differ in which mask they assume, or in what they do with it? Grain: label, letters.';
COMMENT ON COLUMN masks_or_machinery.kl IS 'KL between the distributions of the next three letters, both directions averaged, mean over pairs, nats';
COMMENT ON COLUMN masks_or_machinery.mask IS 'Part of it from the mask weights: KL between the mixtures closest to the two';
COMMENT ON COLUMN masks_or_machinery.share IS 'mask / kl';
COMMENT ON COLUMN masks_or_machinery.share_low IS 'Lower end of its interval over members (delete-one jackknife) and documents; NULL below 3 members';
COMMENT ON COLUMN masks_or_machinery.share_null IS 'Share for two exact predictors under independent noise as large as the members'' residual: the value for errors without direction';
COMMENT ON COLUMN masks_or_machinery.pairs IS 'Pairs of members';

CREATE VIEW mask_calibration AS
SELECT
    m.label,
    m.corpus,
    m.size,
    m.variant,
    f.letters,
    avg(f.sharpening) AS sharpening,
    any_value(c.sharpening_low) AS sharpening_low,
    any_value(c.sharpening_high) AS sharpening_high,
    any_value(c.sharpening_null) AS sharpening_null,
    any_value(c.sharpening_null_lowest) AS sharpening_null_lowest,
    any_value(c.sharpening_null_highest) AS sharpening_null_highest,
    min(f.sharpening) AS sharpening_lowest,
    max(f.sharpening) AS sharpening_highest,
    avg(f.from_bayes) AS from_bayes,
    any_value(c.from_bayes_low) AS from_bayes_low,
    any_value(c.from_bayes_high) AS from_bayes_high,
    any_value(c.from_bayes_null) AS from_bayes_null,
    avg(f.residual) AS residual,
    avg(f.excess) AS excess,
    avg(f.entropy) AS entropy,
    any_value(f.posterior_entropy) AS posterior_entropy,
    count(*) AS models
FROM mask_fit AS f
JOIN artifact AS e ON e.artifact = f.artifact AND e.is_current
JOIN current_model AS m ON m.model = f.model
LEFT JOIN mask_class AS c
    ON c.artifact = f.artifact
    AND c.size = m.size
    AND c.variant = m.variant
    AND c.letters = f.letters
WHERE f.kind = 'plain'
GROUP BY ALL;
COMMENT ON VIEW mask_calibration IS 'A class at a number of letters, with the slope of its mask weights on the exact posterior: does it become sure as fast as Bayes? Grain: label, letters.';
COMMENT ON COLUMN mask_calibration.sharpening IS 'Slope of the log-odds of the weights on those of the exact posterior: above 1 overconfident, but compare with sharpening_null, the slope of a calibrated predictor with errors; values below 0.01 are set to 0.01 in both';
COMMENT ON COLUMN mask_calibration.sharpening_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN mask_calibration.sharpening_null IS 'Slope for exact predictors with noise as large as the members'' residual, mean over draws';
COMMENT ON COLUMN mask_calibration.sharpening_lowest IS 'Lowest slope of a member';
COMMENT ON COLUMN mask_calibration.sharpening_highest IS 'Highest slope of a member';
COMMENT ON COLUMN mask_calibration.from_bayes IS 'KL from the exact posterior of the masks to the weights, nats; values below 0.01 are set to 0.01 in both';
COMMENT ON COLUMN mask_calibration.from_bayes_low IS 'Lower end of its interval over members and documents';
COMMENT ON COLUMN mask_calibration.from_bayes_null IS 'from_bayes for exact predictors with noise as large as the members'' residual';
COMMENT ON COLUMN mask_calibration.residual IS 'KL from a member''s distribution of three letters to the mixture, nats: the part that no mask explains';
COMMENT ON COLUMN mask_calibration.excess IS 'KL from the exact distribution of three letters to a member''s, nats';
COMMENT ON COLUMN mask_calibration.entropy IS 'Entropy of the weights, nats';
COMMENT ON COLUMN mask_calibration.posterior_entropy IS 'Exact entropy of the masks given the prompt, nats';
