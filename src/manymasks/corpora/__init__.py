"""Documents: sources of text and its split."""
