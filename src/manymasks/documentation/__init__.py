"""Documentation generated from the code that it describes."""
