"""What members write after the same prompts, and where they part."""
