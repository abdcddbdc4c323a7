"""Intervals whose units are models and documents."""
