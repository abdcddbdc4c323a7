"""How differently equally good models behave."""
