"""A study becomes nodes with keys; what is stale, and why."""
