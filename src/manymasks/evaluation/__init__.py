"""Members scored on whole documents."""
