"""Which line of the user's asked for what cannot be done, for error messages."""

from __future__ import annotations

import linecache
import sys

OWN = ("lamina", "numpy")


def user_line() -> str:
    """Return ``" at FILE:LINE, in NAME: `source`"`` of the innermost code outside the libraries.

    Empty if there is none; without the source if that is not kept in a file.
    """
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "").partition(".")[0] in OWN:
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    file, line, code = frame.f_code.co_filename, frame.f_lineno, frame.f_code
    source = linecache.getline(file, line, frame.f_globals).strip()
    shown = f": `{source}`" if source else ""
    return f" at {file}:{line}, in {code.co_name}{shown}"
