"""Statements about every prefix: upper bounds of next-token probabilities, and witnesses."""
