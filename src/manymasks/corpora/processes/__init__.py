"""Text from known processes: the law of every next token is known exactly."""
