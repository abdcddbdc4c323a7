-- Which seed matters more: initial weights or data order?
SELECT
    label,
    measure,
    component,
    round(share, 3) AS share,
    round(low, 3) AS low,
    round(high, 3) AS high,
    round(p, 3) AS p,
    inits,
    orders
FROM variance_components
ORDER BY measure, label, component = 'rest', component;
