"""Train the same language model many times; measure what equal loss hides."""

__version__ = "0.1.0"
