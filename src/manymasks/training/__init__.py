"""One member, from its seeds to its weights."""
