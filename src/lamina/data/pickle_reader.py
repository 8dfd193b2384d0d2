"""Reads the pickles in which CIFAR is published, without unpickling.

Python's unpickler runs what the file tells it to. This reader calls nothing that the file names:
the standard library's `pickletools` splits the stream into opcodes, and the few that plain data
need (numbers, strings, lists, tuples, dictionaries) are carried out here on a stack. A ``GLOBAL``
opcode pushes its two names as inert text. Where such a text is "called", only the two spellings
that make an array of bytes are known, and both are replaced by building that array here from its
shape and content. Every other opcode or name is an error.

Source: the opcode documentation in the standard library's `pickletools` module.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from lamina.core.types import Array
from lamina.data.reading import PathLike, malformed

RECONSTRUCT = (
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
)


@dataclass(frozen=True)
class Name:
    """Something the pickle refers to by name: never looked up."""

    text: str


class ByteType:
    """Stands for ``dtype('uint8')``, the only element type read."""


@dataclass(eq=False)
class PendingArray:
    """An array whose content the stream has yet to bring."""

    value: Array | None = None


class RefusedError(Exception):
    """The opcode cannot be carried out: the pickle is damaged or not plain data."""


@dataclass
class Machine:
    """The stack, the marks in it, and the memo."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def pop(self) -> Any:
        """The top of the stack, not reaching below the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise RefusedError("a value on the stack")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Everything above the last mark."""
        if not self.marks:
            raise RefusedError("a mark on the stack")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def top(self, kind: type) -> Any:
        """The top of the stack, which has to be of a type."""
        value = self.pop()
        self.stack.append(value)
        if not isinstance(value, kind):
            raise RefusedError(f"a {kind.__name__} on the stack")
        return value


def read_pickle(file: PathLike, content: bytes) -> Any:
    """The plain data in a pickle: strings come as bytes, uint8 arrays as arrays.

    Raises `DataError` with the offset of the opcode that is damaged or not plain data.
    """
    machine, stream, offset = Machine(), io.BytesIO(content), 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                break
            if opcode.name not in OPCODES:
                raise RefusedError("an opcode of plain data")
            OPCODES[opcode.name](machine, argument)
            offset = stream.tell()
        value = machine.pop()
    except RefusedError as error:
        raise malformed(file, offset, str(error), f"opcode {opcode.name}") from error
    except (ValueError, OverflowError) as error:
        raise malformed(file, offset, "a whole pickle of plain data", str(error)) from error
    return _finished(value)


def _finished(value: Any) -> Any:
    """Put the arrays in place of what stood for them, one level into a dictionary."""
    if isinstance(value, dict):
        return {key: _content(item) for key, item in value.items()}
    return _content(value)


def _content(value: Any) -> Any:
    return value.value if isinstance(value, PendingArray) else value


def _push(machine: Machine, value: Any) -> None:
    machine.stack.append(value)


def _push_text(machine: Machine, value: str | bytes) -> None:
    machine.stack.append(value.encode("latin-1") if isinstance(value, str) else value)


def _push_unicode(machine: Machine, value: str) -> None:
    machine.stack.append(value.encode("utf-8", "surrogatepass"))


def _mark(machine: Machine, _: None) -> None:
    machine.marks.append(len(machine.stack))


def _tuple(count: int) -> Callable[[Machine, None], None]:
    def push(machine: Machine, _: None) -> None:
        machine.stack.append(tuple(machine.pop() for _ in range(count))[::-1])

    return push


def _append(machine: Machine, _: None) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _appends(machine: Machine, _: None) -> None:
    values = machine.pop_to_mark()
    machine.top(list).extend(values)


def _set_item(machine: Machine, _: None) -> None:
    value, key = machine.pop(), machine.pop()
    _update(machine, [key, value])


def _update(machine: Machine, pairs: list[Any]) -> None:
    keys, values = pairs[::2], pairs[1::2]
    if len(keys) != len(values) or not all(isinstance(key, bytes) for key in keys):
        raise RefusedError("pairs of a string and a value")
    machine.top(dict).update(zip(keys, values, strict=True))


def _put(machine: Machine, index: int) -> None:
    machine.memo[index] = machine.top(object)


def _get(machine: Machine, index: int) -> None:
    if index not in machine.memo:
        raise RefusedError("something in the memo")
    machine.stack.append(machine.memo[index])


def _reduce(machine: Machine, _: None) -> None:
    arguments, function = machine.pop(), machine.pop()
    name = function.text if isinstance(function, Name) else ""
    if name == "numpy dtype" and isinstance(arguments, tuple) and arguments[:1] == (b"u1",):
        machine.stack.append(ByteType())
    elif name in RECONSTRUCT:
        machine.stack.append(PendingArray())
    else:
        raise RefusedError("an array of uint8, the only call in plain data")


def _build(machine: Machine, _: None) -> None:
    state, target = machine.pop(), machine.top(object)
    if isinstance(target, PendingArray):
        target.value = _array(state)
    elif not isinstance(target, ByteType):
        raise RefusedError("an array to build")


def _array(state: Any) -> Array:
    """NumPy's array state: version, shape, element type, whether column-major, content."""
    match state:
        case (int(), tuple() as shape, ByteType(), bool() as fortran, bytes() as content):
            sizes = [size for size in shape if type(size) is int and size >= 0]
            if len(sizes) == len(shape) <= 8 and prod(sizes) == len(content):
                return np.frombuffer(content, np.uint8).reshape(
                    sizes, order="F" if fortran else "C"
                )
    raise RefusedError("the state of a uint8 array whose content fits its shape")


OPCODES: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "NONE": _push,
    "NEWTRUE": lambda machine, _: _push(machine, True),
    "NEWFALSE": lambda machine, _: _push(machine, False),
    "BININT": _push,
    "BININT1": _push,
    "BININT2": _push,
    "BINFLOAT": _push,
    "BINSTRING": _push_text,
    "SHORT_BINSTRING": _push_text,
    "BINUNICODE": _push_unicode,
    "GLOBAL": lambda machine, text: _push(machine, Name(text)),
    "MARK": _mark,
    "EMPTY_TUPLE": _tuple(0),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": lambda machine, _: _push(machine, tuple(machine.pop_to_mark())),
    "EMPTY_LIST": lambda machine, _: _push(machine, []),
    "APPEND": _append,
    "APPENDS": _appends,
    "EMPTY_DICT": lambda machine, _: _push(machine, {}),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _update(machine, machine.pop_to_mark()),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "REDUCE": _reduce,
    "BUILD": _build,
}
