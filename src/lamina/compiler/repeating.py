"""A call like the one before, without a new object: its results are given again.

The entry takes tensors, and finds their arrays itself. It writes to arrays that it has made results
of before, and returns those results: but only if nobody refers to them any more, nor has changed
them, which it sees in a table (see `watching`). Other tables say that what the call relies on is as
it was. If anything is not, it does nothing, and answers None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.compiler.builtin import Entry
from lamina.compiler.objects import slot
from lamina.compiler.watching import Looks, Table
from lamina.core.node import Node

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding

TEXT = """
; What an object of a class has in a slot; null of anything else.
define internal ptr @attribute(ptr %object, i64 %class, i64 %place) {{
entry:
  %nothing = icmp eq ptr %object, null
  br i1 %nothing, label %other, label %look
look:
  %kind.at = getelementptr i8, ptr %object, i64 {kind}
  %kind = load i64, ptr %kind.at
  %fits = icmp eq i64 %kind, %class
  br i1 %fits, label %found, label %other
found:
  %value.at = getelementptr i8, ptr %object, i64 %place
  %value = load ptr, ptr %value.at
  ret ptr %value
other:
  ret ptr null
}}

; A tensor's value; null of anything else. After the count, `via` has classes and slots.
define internal ptr @array(ptr %tensor, ptr %via) {{
  %tensors.at = getelementptr i64, ptr %via, i64 1
  %tensors = load i64, ptr %tensors.at
  %node.at = getelementptr i64, ptr %via, i64 2
  %node.slot = load i64, ptr %node.at
  %node = call ptr @attribute(ptr %tensor, i64 %tensors, i64 %node.slot)
  %nodes.at = getelementptr i64, ptr %via, i64 3
  %nodes = load i64, ptr %nodes.at
  %value.at = getelementptr i64, ptr %via, i64 4
  %value.slot = load i64, ptr %value.at
  %value = call ptr @attribute(ptr %node, i64 %nodes, i64 %value.slot)
  ret ptr %value
}}

define internal void @each(ptr %arrays, i64 %count, ptr %function) {{
entry:
  br label %next
next:
  %n = phi i64 [ 0, %entry ], [ %n.after, %one ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %one, label %end
one:
  %array.at = getelementptr ptr, ptr %arrays, i64 %n
  %array = load ptr, ptr %array.at
  call void %function(ptr %array)
  %n.after = add i64 %n, 1
  br label %next
end:
  ret void
}}

; Run the program again: the result, or None. While it is at it, it refers to the arrays that it is
; given: another thread might let go of them, and one that is watched must not be given.
define ptr @repeat(ptr %self, ptr %tensors, i64 %size) {{
entry:
  %call = call ptr @own(ptr %self)
{busy}
{via}
  %taken = load i64, ptr %busy
  %free = icmp eq i64 %taken, 0
  %expected = load i64, ptr %via
  %as.many = icmp eq i64 %size, %expected
  %may = and i1 %free, %as.many
  br i1 %may, label %take, label %refused
take:
{given}
{retain}
{release}
  br label %next.given
next.given:
  %g = phi i64 [ 0, %take ], [ %g.after, %hold ]
  %more.given = icmp slt i64 %g, %size
  br i1 %more.given, label %tensor.given, label %watch
tensor.given:
  %tensor.at = getelementptr ptr, ptr %tensors, i64 %g
  %tensor = load ptr, ptr %tensor.at
  %array = call ptr @array(ptr %tensor, ptr %via)
  %no.array = icmp eq ptr %array, null
  br i1 %no.array, label %let.go, label %hold
hold:
  call void %retain(ptr %array)
  %array.at = getelementptr ptr, ptr %given, i64 %g
  store ptr %array, ptr %array.at
  %g.after = add i64 %g, 1
  br label %next.given
watch:
{tables}
{next}
{wanted}
{pointers}
{results}
  %count.at = getelementptr i64, ptr %wanted, i64 1
  %count = load i64, ptr %count.at
  %same = call i1 @unchanged(ptr %tables, ptr %next)
  br i1 %same, label %item, label %let.go
item:
  %n = phi i64 [ 0, %watch ], [ %n.after, %compare ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %compare, label %execute
compare:
  %is.given = icmp slt i64 %n, %size
  %number = sub i64 %n, %size
  %arrays = select i1 %is.given, ptr %given, ptr %results
  %place = select i1 %is.given, i64 %n, i64 %number
  %one.at = getelementptr ptr, ptr %arrays, i64 %place
  %one = load ptr, ptr %one.at
  %n.after = add i64 %n, 1
  %fits = call i1 @accept(ptr %one, ptr %wanted, i64 %n, ptr %pointers)
  br i1 %fits, label %item, label %let.go
execute:
  call void @execute(ptr %call)
  %returned = call ptr @answer(ptr %call, i64 {returned})
  call void @each(ptr %given, i64 %size, ptr %release)
  store i64 0, ptr %busy
  ret ptr %returned
let.go:
  %held = phi i64 [ %g, %tensor.given ], [ %size, %watch ], [ %size, %compare ]
  call void @each(ptr %given, i64 %held, ptr %release)
  br label %refused
refused:
  %none = call ptr @answer(ptr %call, i64 {none})
  ret ptr %none
}}
"""


def repeated(
    binding: Binding,
    tensor: type,
    kept: list[Any],
    parts: Callable[[Any], list[object]],
    tables: Sequence[Table],
) -> Entry | None:
    """Return a function of tensors that runs a program and returns what was made for it before.

    Args:
        binding: the program, which has been run before.
        tensor: the class of the tensors, which have nodes; subclasses are not taken.
        kept: the result as the only item, to which nothing else refers.
        parts: returns the result and all that it is made of; to each, only the one before refers.
            The arrays that the program writes to are the last ones.
        tables: what must be as it was.

    Returns:
        None where there is no native code, or something is not as it must be already.
    """
    node, value = slot(tensor, "node"), slot(Node, "value")
    places = _places(kept, parts)
    own = Table()
    own.keep(kept)
    for at, size in places:
        own.whole(at, size)
    if node is None or value is None or not all(table.fits for table in (own, *tables)):
        return None
    count, results = len(binding.rest), [at for at, _ in places[-len(binding.returned) :]]
    looks = Looks(own, *tables)
    return binding.frame().entry(
        "repeat",
        looks,
        via=np.array([count, id(tensor), node, id(Node), value], np.int64),
        results=np.array(results, np.int64),
        given=np.zeros(count, np.int64),
        tables=looks.words,
        returned=id(kept[0]),
    )


def _places(kept: list[Any], parts: Callable[[Any], list[object]]) -> list[tuple[int, int]]:
    """Return where each part is, and how many bytes it has; here, as names are references too."""
    return [(id(part), _size(part)) for part in parts(*kept)]


def _size(item: Any) -> int:
    kind = type(item)
    return kind.__basicsize__ + (kind.__itemsize__ * len(item) if kind.__itemsize__ else 0)
