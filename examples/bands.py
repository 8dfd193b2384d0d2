"""Printing what an experiment gave beside what is expected of it."""

import sys


class Bands:
    """A table of results with expected bands; `finish` fails if one lies outside.

    >>> bands = Bands("demo")
    demo
    >>> bands.expect("accuracy", 0.9, 0.8, 1.0, reported=0.85)
      accuracy                      0.9  expected 0.8 … 1 (reported 0.85)
    """

    def __init__(self, title: str) -> None:
        self.outside = 0
        print(title)

    def expect(
        self, name: str, value: float, low: float, high: float, reported: float | None = None
    ) -> None:
        """Print a value with its band."""
        inside = low <= value <= high
        self.outside += not inside
        note = "" if reported is None else f" (reported {reported:g})"
        mark = "" if inside else "  OUTSIDE"
        print(f"  {name:<24}{value:>9.3g}  expected {low:g} … {high:g}{note}{mark}")

    def finish(self) -> None:
        """End the program, with exit code 1 if a value was outside its band."""
        sys.exit(1 if self.outside else 0)
