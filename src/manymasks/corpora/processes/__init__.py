"""Text from known processes: what there is to know about the next token is known exactly."""
