"""Intervals and tests whose units are models and documents; needs nothing else of manymasks."""
