-- Known processes: do two members differ in the mask they wear, or in the machinery under it?
SELECT
    p.label,
    p.letters,
    round(p.kl, 4) AS kl,
    round(p.mask, 4) AS mask,
    round(p.machinery, 4) AS machinery,
    round(c.sharpening, 2) AS sharpening,
    round(c.from_bayes, 3) AS from_bayes,
    p.pairs
FROM masks_or_machinery AS p
JOIN mask_calibration AS c USING (label, letters)
ORDER BY p.label, p.letters;
