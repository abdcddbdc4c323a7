"""Contexts to try, by family and severity."""
