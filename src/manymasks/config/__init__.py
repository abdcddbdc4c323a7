"""Typed settings, strict YAML, messages that help."""
