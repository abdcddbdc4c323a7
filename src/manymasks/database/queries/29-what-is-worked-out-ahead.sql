-- Known processes: does the stream at a pair say whether the pair will count, before it is asked?
SELECT
    label,
    place,
    layer,
    control,
    round(auc, 3) AS auc,
    round(auc_lowest, 3) AS lowest,
    round(auc_highest, 3) AS highest,
    models
FROM double_by_variant
ORDER BY label, control, place, layer;
