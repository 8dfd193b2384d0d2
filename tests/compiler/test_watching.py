"""What native code looks at: words, counts of references, slots, lists, dicts, whole objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lamina.compiler import entries, objects, watching
from lamina.compiler.watching import Looks, Table


class Thing:
    __slots__ = ("one", "other")

    def __init__(self) -> None:
        self.one, self.other = object(), object()


class Watched:
    """One of everything, and the look at it."""

    def __init__(self) -> None:
        self.thing = Thing()
        self.items = [object(), object()]
        self.entries = {"a": object(), "b": object()}
        self.counted = [object()]
        self.others = list(self.counted)
        self.kept = [Thing()]
        self.values = (*self.items, *self.entries.values(), self.thing.one)

    def table(self) -> Table:
        table = Table()
        table.slot(self.thing, objects.slot(Thing, "one"), self.thing.one)
        table.items(self.items)
        table.entries(self.entries)
        table.counted(self.counted, [2])
        table.whole(id(self.kept[0]), Thing.__basicsize__)
        return table

    def look(self) -> Callable[[], bool]:
        table = self.table()
        assert table.fits
        looks = Looks(Table(), table)
        found = entries.entry("look", looks, tables=looks.words)
        assert found is not None
        return found


def exchanged(listed: list[Any]) -> None:
    listed.reverse()


def put_back(listed: list[Any]) -> None:
    listed.append(listed.pop(0))
    listed.append(listed.pop(0))


def moved(found: dict[str, Any]) -> None:
    found["a"] = found.pop("a")


SEEN: dict[str, Callable[[Watched], Any]] = {
    "slot set": lambda w: setattr(w.thing, "one", w.thing.other),
    "slot deleted": lambda w: delattr(w.thing, "one"),
    "item replaced": lambda w: w.items.__setitem__(0, object()),
    "item added": lambda w: w.items.append(object()),
    "item removed": lambda w: w.items.pop(),
    "items exchanged": lambda w: exchanged(w.items),
    "list cleared": lambda w: w.items.clear(),
    "entry replaced": lambda w: w.entries.__setitem__("b", object()),
    "entry added": lambda w: w.entries.__setitem__("c", object()),
    "entry removed": lambda w: w.entries.pop("b"),
    "first entry removed": lambda w: w.entries.pop("a"),
    "entry moved": lambda w: moved(w.entries),
    "dict cleared": lambda w: w.entries.clear(),
    "reference taken": lambda w: w.counted[0],
    "reference let go of": lambda w: w.others.clear(),
    "object referred to": lambda w: w.kept[0],
    "object changed": lambda w: setattr(w.kept[0], "other", None),
}
UNSEEN: dict[str, Callable[[Watched], Any]] = {
    "nothing": lambda w: None,
    "another slot": lambda w: setattr(w.thing, "other", None),
    "references to others": lambda w: [w.thing, w.items, w.entries, *w.values],
    "the same again": lambda w: (put_back(w.items), w.entries.update(w.entries)),
}


@pytest.mark.parametrize("kind", SEEN)
def test_a_change_is_seen(kind: str) -> None:
    watched = Watched()
    look = watched.look()
    assert look() is True
    held = SEEN[kind](watched)
    assert look() is False
    del held


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_is_as_before_may_be_so_for_any_reason(kind: str) -> None:
    watched = Watched()
    look = watched.look()
    held = UNSEEN[kind](watched)
    assert look() is True
    del held
    assert look() is True


def test_a_reference_that_is_let_go_of_is_forgotten() -> None:
    watched = Watched()
    look = watched.look()
    held = watched.counted[0], watched.kept[0]
    assert look() is False
    del held
    assert look() is True


def test_what_is_watched_is_kept() -> None:
    watched = Watched()
    look = watched.look()
    counted = watched.others, watched.kept  # whose references are counted: not the table's to keep
    del watched
    assert look() is True
    del counted


UNFIT: dict[str, Callable[[Table], Any]] = {
    "more references": lambda t: t.counted([object()], [2]),
    "another value": lambda t: t.slot(Thing(), objects.slot(Thing, "one"), None),
    "no such slot": lambda t: t.slot(Thing(), None, None),
    "another kind of dict": lambda t: t.entries(type("Other", (dict,), {})()),
    "another kind of list": lambda t: t.items(type("Other", (list,), {})()),
    "somebody refers to it": lambda t: t.whole(id(t), 32),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_table_says_what_it_cannot_be_used_for(kind: str) -> None:
    table = Table()
    assert table.fits
    other = [table]
    UNFIT[kind](table)
    assert not table.fits
    del other


def test_without_the_known_layout_no_table_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "COUNTED", False)
    assert not Watched().table().fits
    monkeypatch.setattr(entries, "native", lambda: None)
    assert entries.entry("look", tables=Looks().words) is None


def test_slots_are_found() -> None:
    assert objects.COUNTED and objects.LISTED
    thing = Thing()
    places = [objects.slot(Thing, name) for name in ("one", "other")]
    assert all(place is not None for place in places)
    assert [objects.word(id(thing) + (place or 0)) for place in places] == [
        id(thing.one),
        id(thing.other),
    ]
