"""Documents in: where text comes from and how it is split."""
