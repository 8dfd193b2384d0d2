"""Where Python enters native code: what a call begins and ends with, whatever it checks between.

An entry is a function of Python's own (see `builtin`) that keeps a block of words: all that it has
to know, by the names of `FIELDS`. It runs with Python's lock held. The lock is released around the
program itself, with CPython's own two functions, as `ctypes` does; what the program reads and
writes is kept by whoever calls, or by the entry.

Calls that share pointers and memory share a word that says whether one of them is under way. It is
read and written with the lock held, so that no two can begin.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from lamina.compiler import builtin, gathering, llvm, pool, repeating, watching
from lamina.compiler.builtin import Entry
from lamina.compiler.cache import kept
from lamina.compiler.memory import LAYOUT, Layout, address
from lamina.core.types import Array

FIELDS = (
    *("wanted", "pointers", "program", "submit", "busy"),  # of a program's memory
    *("tables", "via", "given", "results", "returned"),  # of a call like the one before
    *("save", "restore", "retain", "release", "next"),  # functions of CPython
    *("yes", "no", "none"),  # objects to answer with
)
TAKES = {
    "run": builtin.ONE,
    "take": builtin.NONE,
    "look": builtin.NONE,
    "repeat": builtin.ANY,
}

_TEXT = """
; The block of words that an entry keeps: the first item of its own tuple is an array.
define internal ptr @own(ptr %self) {{
  %block.at = getelementptr i8, ptr %self, i64 {items}
  %block = load ptr, ptr %block.at
  %data.at = getelementptr i8, ptr %block, i64 {data}
  %call = load ptr, ptr %data.at
  ret ptr %call
}}

; A new reference to one of the block's objects.
define internal ptr @answer(ptr %call, i64 %field) {{
{retain}
  %answer.at = getelementptr ptr, ptr %call, i64 %field
  %answer = load ptr, ptr %answer.at
  call void %retain(ptr %answer)
  ret ptr %answer
}}

; Run the program. It is under way until the caller says that it is not, when all is done.
define internal void @execute(ptr %call) {{
{busy}
{pointers}
{program}
{submit}
{save}
{restore}
  store i64 1, ptr %busy
  %thread = call ptr %save()
  call void %program(ptr %pointers, ptr %submit)
  call void %restore(ptr %thread)
  ret void
}}

; Whether nobody else was using the memory: it is the caller's then, until the word is 0 again.
define ptr @take(ptr %self, ptr %nothing) {{
  %call = call ptr @own(ptr %self)
{busy}
  %taken = load i64, ptr %busy
  store i64 1, ptr %busy
  %free = icmp eq i64 %taken, 0
  %field = select i1 %free, i64 {yes}, i64 {no}
  %answer = call ptr @answer(ptr %call, i64 %field)
  ret ptr %answer
}}
@calls = constant [1 x ptr] [ptr @run]
"""


def entry(name: str, *keeps: Any, **words: int | Array) -> Entry | None:
    """Return an entry, which keeps what it is given; None where there is no native code.

    Args:
        name: one of `TAKES`.
        keeps: what else it needs.
        words: fields of its block; arrays by their addresses.
    """
    codes = native()
    if codes is None:
        return None
    arrays = [value for value in words.values() if isinstance(value, np.ndarray)]
    own = (_block(words), *arrays, *keeps)
    return builtin.builtin(name, codes[name], TAKES[name], own)


def _block(words: Mapping[str, int | Array]) -> Array:
    known = {**dict.fromkeys(FIELDS, 0), **_common(), **words}
    values = [known[name] for name in FIELDS]
    return np.array([address(v) if isinstance(v, np.ndarray) else v for v in values], np.int64)


@cache
def _common() -> dict[str, int]:
    api = ctypes.pythonapi
    return {
        "submit": pool.submit_address(),
        "save": address_of(api.PyEval_SaveThread),
        "restore": address_of(api.PyEval_RestoreThread),
        "retain": address_of(api.Py_IncRef),
        "release": address_of(api.Py_DecRef),
        "next": address_of(api.PyDict_Next),
        "yes": id(True),
        "no": id(False),
        "none": id(None),
    }


def address_of(function: Any) -> int:
    """Return where a native function is."""
    found = ctypes.cast(function, ctypes.c_void_p).value
    assert found is not None
    return found


@cache
def native() -> dict[str, int] | None:
    """Return where each entry's code is; None where objects are not laid out as published."""
    if LAYOUT is None:
        return None
    written = text(LAYOUT)
    code = kept((*llvm.identity(), written), lambda: llvm.object_code(written))
    module = llvm.NativeModule(code, ("calls", *TAKES))
    for needed in (module, llvm.jit()):
        builtin.keep_for_ever(needed)
    return module.addresses


def text(layout: Layout) -> str:
    """Return the code in LLVM's language, for a layout of objects."""
    names = ("kind", "size", "items", "data", "rank", "lengths", "dtype", "flags")
    offsets = {name: getattr(layout, name) for name in names}
    loads = {name: _load(name) for name in FIELDS}
    answers = {name: FIELDS.index(name) for name in ("yes", "no", "none", "returned")}
    known = {**loads, **answers, **offsets, "record": gathering.RECORD}
    parts = (gathering.TEXT, watching.TEXT, repeating.TEXT, _TEXT)
    return "".join(parts).format(**known)


def _load(name: str) -> str:
    """Return the lines that read a field of the block ``%call``."""
    at = f"  %{name}.at = getelementptr ptr, ptr %call, i64 {FIELDS.index(name)}"
    return f"{at}\n  %{name} = load ptr, ptr %{name}.at"
