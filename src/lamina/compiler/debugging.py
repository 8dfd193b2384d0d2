"""What the user wants to watch of compiling: the words in ``LAMINA_DEBUG``."""

from __future__ import annotations

import os


def debugging() -> list[str]:
    """Return the words: ``passes`` prints the program after each, ``verify`` checks it."""
    return [word for word in os.environ.get("LAMINA_DEBUG", "").split(",") if word]
