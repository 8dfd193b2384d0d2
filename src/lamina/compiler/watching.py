"""What is looked at before a call that relies on it, natively: words, and the entries of dicts.

A table says which words of memory are as they were (an object's count of references, an attribute)
and which entries dicts have, in their order. Comparing a word takes less than a nanosecond. What is
looked at is kept by the table, so that no address can come to mean something else; an object whose
references are counted is kept by whoever counts them.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina.compiler import objects
from lamina.compiler.memory import LAYOUT, WORD, address
from lamina.compiler.objects import COUNTED, LOW, word
from lamina.core.types import Array

TEXT = """
; Whether everything in all tables is as it was. The lock is held, and is not released.
define internal i1 @unchanged(ptr %tables, ptr %next) {{
entry:
  %count = load i64, ptr %tables
  br label %table
table:
  %n = phi i64 [ 0, %entry ], [ %n.after, %another ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %another, label %end
another:
  %n.after = add i64 %n, 1
  %table.at = getelementptr ptr, ptr %tables, i64 %n.after
  %one = load ptr, ptr %table.at
  %same = call i1 @same(ptr %one, ptr %next)
  br i1 %same, label %table, label %end
end:
  %all = icmp eq i64 %n, %count
  ret i1 %all
}}

; A table: how many words and dicts; for each word its address and what it was; for each dict its
; address, how many entries, and those.
define internal i1 @same(ptr %table, ptr %next) {{
entry:
  %at = alloca i64
  %key.at = alloca i64
  %value.at = alloca i64
  %words = load i64, ptr %table
  %dicts.at = getelementptr i64, ptr %table, i64 1
  %dicts = load i64, ptr %dicts.at
  %first = getelementptr i64, ptr %table, i64 2
  br label %word
word:
  %k = phi i64 [ 0, %entry ], [ %k.after, %compare ]
  %place = phi ptr [ %first, %entry ], [ %place.after, %compare ]
  %words.left = icmp slt i64 %k, %words
  br i1 %words.left, label %compare, label %next.dict
compare:
  %address = load ptr, ptr %place
  %was.at = getelementptr i64, ptr %place, i64 1
  %was = load i64, ptr %was.at
  %is = load i64, ptr %address
  %k.after = add i64 %k, 1
  %place.after = getelementptr i64, ptr %place, i64 2
  %word.same = icmp eq i64 %is, %was
  br i1 %word.same, label %word, label %different
next.dict:
  %d = phi i64 [ 0, %word ], [ %d.after, %ended ]
  %dict.place = phi ptr [ %place, %word ], [ %entry.place, %ended ]
  %dicts.left = icmp slt i64 %d, %dicts
  br i1 %dicts.left, label %open, label %equal
open:
  %dict = load ptr, ptr %dict.place
  %size.at = getelementptr i64, ptr %dict.place, i64 1
  %size = load i64, ptr %size.at
  %first.entry = getelementptr i64, ptr %dict.place, i64 2
  %d.after = add i64 %d, 1
  store i64 0, ptr %at
  br label %step
step:
  %e = phi i64 [ 0, %open ], [ %e.after, %pair ]
  %entry.place = phi ptr [ %first.entry, %open ], [ %entry.after, %pair ]
  %got = call i32 %next(ptr %dict, ptr %at, ptr %key.at, ptr %value.at)
  %is.one = icmp ne i32 %got, 0
  %was.one = icmp slt i64 %e, %size
  %fits = icmp eq i1 %is.one, %was.one
  br i1 %fits, label %go, label %different
go:
  br i1 %is.one, label %pair, label %ended
pair:
  %key = load i64, ptr %key.at
  %value = load i64, ptr %value.at
  %key.was = load i64, ptr %entry.place
  %value.was.at = getelementptr i64, ptr %entry.place, i64 1
  %value.was = load i64, ptr %value.was.at
  %e.after = add i64 %e, 1
  %entry.after = getelementptr i64, ptr %entry.place, i64 2
  %key.same = icmp eq i64 %key, %key.was
  %value.same = icmp eq i64 %value, %value.was
  %pair.same = and i1 %key.same, %value.same
  br i1 %pair.same, label %step, label %different
ended:
  br label %next.dict
equal:
  ret i1 true
different:
  ret i1 false
}}

; Whether everything is as it was, for Python.
define ptr @look(ptr %self, ptr %nothing) {{
  %call = call ptr @own(ptr %self)
{tables}
{next}
  %same = call i1 @unchanged(ptr %tables, ptr %next)
  %field = select i1 %same, i64 {yes}, i64 {no}
  %answer = call ptr @answer(ptr %call, i64 %field)
  ret ptr %answer
}}
"""


class Table:
    """Words and dicts, and what they hold now.

    ``fits`` is False once something is not as it was said to be: the table must not be used then.
    """

    def __init__(self) -> None:
        self.fits = COUNTED
        self._words: list[int] = []
        self._dicts: list[int] = []
        self._number = 0
        self._kept: list[Any] = []

    def keep(self, *kept: Any) -> None:
        """Keep objects as long as the table."""
        self._kept += kept

    def holds(self, at: int, value: int) -> None:
        """Look at one word of something that is kept."""
        self.fits = self.fits and word(at) == value
        self._words += (at, value)

    def counted(self, items: Sequence[object], counts: Iterable[int]) -> None:
        """Look at the counts of references. The sequence is kept, and must stay as it is."""
        self.keep(items)
        for at, count in zip(list(map(id, items)), counts, strict=True):
            self._counted(at, count)

    def _counted(self, at: int, count: int) -> None:
        if self.fits:
            now = word(at)
            self.fits = now & LOW == count
            self._words += (at, now)

    def slot(self, owner: object, place: int | None, value: object) -> None:
        """Look at an attribute; its value must be kept by another."""
        self.keep(owner)
        self.fits = self.fits and place is not None
        self.holds(id(owner) + (place or 0), id(value))

    def whole(self, at: int, size: int) -> None:
        """Look at all words of an object that one other refers to, and nobody else."""
        self._counted(at, 1)
        if self.fits:
            words = struct.unpack(f"{size // WORD}q", ctypes.string_at(at, size))
            for number, value in enumerate(words[1:], start=1):
                self._words += (at + WORD * number, value)

    def items(self, listed: list[Any]) -> None:
        """Look at a list's items."""
        self.keep(listed, list(listed))
        at = objects.items(listed)
        if at is None or LAYOUT is None:
            self.fits = False
            return
        self.holds(id(listed) + LAYOUT.size, len(listed))
        self.holds(id(listed) + objects.LISTED, at)
        for number, item in enumerate(listed):
            self.holds(at + WORD * number, id(item))

    def entries(self, entries: dict[Any, Any], values_kept: bool = False) -> None:
        """Look at a dict's entries, in their order."""
        self.fits = self.fits and type(entries) is dict
        self.keep(entries, list(entries), () if values_kept else list(entries.values()))
        self._number += 1
        pairs = [id(part) for pair in entries.items() for part in pair]
        self._dicts += (id(entries), len(entries), *pairs)

    def words(self) -> Array:
        """Return the table as native code reads it."""
        count = len(self._words) // 2
        return np.array([count, self._number, *self._words, *self._dicts], np.int64)


class Looks:
    """Some tables, to be looked at one after another."""

    def __init__(self, *tables: Table) -> None:
        self._kept = [(table, table.words()) for table in tables]
        #: How many, and where they are as long as this object lives.
        self.words = np.array([len(tables), *(address(w) for _, w in self._kept)], np.int64)
