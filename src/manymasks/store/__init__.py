"""Artifacts on disk: manifests and paths."""
