"""Native code as functions that Python calls as its own: in the time of `len`.

`ctypes` needs ten times as long for each call, as it looks at every argument. CPython's stable
interface makes a function of a ``PyMethodDef`` and an object that is passed to every call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

Entry = Callable[..., Any]
ANY, NONE, ONE = 0x80, 0x04, 0x08
"""What a function takes: any number of arguments, none, or one (``METH_FASTCALL``, …)."""


class _Definition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("takes", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


@cache
def _maker() -> Callable[[int, Any, None], Entry]:
    arguments = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, *arguments)
    made: Callable[..., Any] = kind(("PyCFunction_NewEx", ctypes.pythonapi))
    return made


@cache
def _definition(name: str, code: int, takes: int) -> int:
    """Return where a definition is, which functions refer to as long as they live."""
    made = _Definition(name.encode(), code, takes, None)
    keep_for_ever(made)
    return ctypes.addressof(made)


def builtin(name: str, code: int, takes: int, own: tuple[Any, ...]) -> Entry:
    """Return native code as a function; its first argument is always ``own``, which it keeps.

    The code must stay where it is until the process ends.
    """
    return _maker()(_definition(name, code, takes), own, None)


def keep_for_ever(kept: object) -> None:
    """Keep an object until the process ends, after all others."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
