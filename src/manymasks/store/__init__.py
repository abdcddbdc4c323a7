"""Artifacts on disk: manifests, paths, atomic writes, locks."""
