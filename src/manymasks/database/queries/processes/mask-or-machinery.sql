-- Known processes: do two members differ in their mask weights, or in the machinery under them?
SELECT
    p.size,
    p.variant,
    p.letters,
    round(p.kl, 4) AS kl,
    round(p.share, 2) AS share,
    round(p.share_low, 2) AS low,
    round(p.share_high, 2) AS high,
    round(p.share_null, 2) AS noise,
    round(c.sharpening, 2) AS slope,
    round(c.sharpening_low, 2) AS slope_low,
    round(c.sharpening_high, 2) AS slope_high,
    round(c.sharpening_null, 2) AS slope_noise
FROM masks_or_machinery AS p
JOIN mask_calibration AS c USING (label, letters)
ORDER BY p.label, p.letters;
