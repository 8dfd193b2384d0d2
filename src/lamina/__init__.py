"""Lamina: write the network as on paper, look at every number in it."""

__version__ = "0.1.0"
