"""Members held against the exact law of the process that their text was drawn from."""
