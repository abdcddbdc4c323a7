-- Do equally good members share what is proved of them?
SELECT
    label,
    members,
    threshold,
    round(core, 3) AS core,
    round(contested, 3) AS contested,
    round(open, 3) AS open,
    round(refuted, 3) AS refuted,
    round(shared, 3) AS by_one_proof,
    round(jaccard, 3) AS jaccard,
    round(jaccard_by_chance, 3) AS by_chance,
    round(correlation, 3) AS correlation
FROM shared_proofs
SEMI JOIN widest_set USING (rashomon_set)
ORDER BY label, threshold;
