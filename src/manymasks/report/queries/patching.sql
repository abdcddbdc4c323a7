-- How far predictions follow an edit of a recurrent state, at the last position that was edited
SELECT
    corpus,
    size,
    variant,
    CASE
        WHEN scope = 'head' THEN 'block ' || layer + 1 || ', head ' || head + 1
        WHEN scope = 'layer' THEN 'block ' || layer + 1
        ELSE scope
    END AS edit,
    scope,
    position,
    efficacy,
    efficacy_low,
    efficacy_high,
    models
FROM patch_efficacy
QUALIFY position = max(position) OVER (PARTITION BY corpus, size, variant)
ORDER BY corpus, size, variant, scope = 'whole' DESC, scope, layer, head;
