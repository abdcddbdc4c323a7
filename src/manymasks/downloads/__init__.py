"""Files from elsewhere, accepted only with their digest: where they come from shapes no result."""
