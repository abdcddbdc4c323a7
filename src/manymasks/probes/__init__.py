"""Contexts on which members are compared, by family and severity."""
