"""Settings that hold for every test."""

import os

from hypothesis import settings

# No deadline: time says nothing about correctness. In CI the examples are the same in every run.
settings.register_profile("lamina", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lamina")
