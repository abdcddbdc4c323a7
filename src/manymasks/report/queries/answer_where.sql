-- Where in the window does it cost most: at its start, or at its end?
SELECT corpus, size, variant, position_low, position_high, gap AS value, low, high
FROM myopia_by_position
SEMI JOIN text_corpus USING (corpus)
WHERE position_low > 0 AND gap IS NOT NULL
WINDOW class AS (PARTITION BY corpus, size, variant)
QUALIFY min(position_low) OVER class < max(position_low) OVER class
    AND position_low IN (min(position_low) OVER class, max(position_low) OVER class)
ORDER BY corpus, size, variant, position_low;
