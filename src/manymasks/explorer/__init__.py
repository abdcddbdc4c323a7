"""Laws of every member at the tokens of some contexts, for the explorer page."""
