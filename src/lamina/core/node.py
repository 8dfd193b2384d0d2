"""Operations and nodes: the one graph that everything else reads and writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count
from typing import Any, NamedTuple
from weakref import ReferenceType

import numpy as np

from lamina.core.context import STATE, Frame
from lamina.core.errors import GradientError
from lamina.core.types import Array, DType, Shape, Type, is_float

_serials = count()


class Example(NamedTuple):
    """An operation with operands to try it on (what the tests walk over)."""

    operation: Operation
    operands: tuple[Array, ...]


class Operation(ABC):
    """What a node does: a frozen record of attributes with a shape rule, a value and derivatives.

    Subclasses are frozen dataclasses whose fields are the operation's attributes, so that two
    equal operations compare equal. Derivative rules make new nodes, so they can be
    differentiated again and compiled.
    """

    @property
    def name(self) -> str:
        """The name by which errors and listings call the operation."""
        return type(self).__name__.lower()

    @abstractmethod
    def infer(self, *operands: Type) -> Type:
        """Return the result's type, or raise if the operands do not fit."""

    @abstractmethod
    def evaluate(self, *operands: Array) -> Array:
        """Return the result's value (the NumPy reference)."""

    def vjp(self, node: Node, index: int, cotangent: Node, /) -> Node | None:
        """Return the cotangent of operand ``index``; None if the result does not depend on it."""
        raise GradientError(f"{self.name} has no derivative with respect to operand {index}")

    def jvp(self, node: Node, index: int, tangent: Node, /) -> Node | None:
        """Return the result's tangent along operand ``index``; None if it does not depend on it."""
        raise GradientError(f"{self.name} has no derivative with respect to operand {index}")

    def render(self, names: Sequence[str], out: str) -> str:
        """Return the line that a listing prints for this operation."""
        attributes = [f"{f.name}={getattr(self, f.name)}" for f in fields(self)]  # type: ignore[arg-type]
        return f"{out} = {self.name}({', '.join([*names, *attributes])})"

    @classmethod
    @abstractmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        """Yield operations of this kind with operands, for the tests that walk the registry."""


class Node:
    """An operation applied to operands, with its type and (unless it is being traced) its value.

    ``tracks`` is a bit set: which differentiations in progress this node depends on, through
    floats. A node whose value is known and that nothing tracks forgets its operands, so that
    graphs do not grow for ever. ``serial`` rises in order of creation, a topological order.
    """

    __slots__ = (
        "__weakref__",
        "frame",
        "handle",
        "name",
        "operands",
        "operation",
        "serial",
        "tracks",
        "type",
        "value",
    )

    def __init__(
        self,
        operation: Operation,
        operands: tuple[Node, ...],
        type_: Type,
        value: Array | None,
        tracks: int = 0,
        frame: Frame | None = None,
    ) -> None:
        self.operation = operation
        self.operands = operands
        self.type = type_
        self.value = value
        self.tracks = tracks
        self.frame = frame
        self.serial = next(_serials)
        self.name: str | None = None
        self.handle: ReferenceType[Any] | None = None

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return self.type.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the value."""
        return self.type.dtype

    def __repr__(self) -> str:
        return f"<{self.operation.name} node {self.serial}: {self.type}>"


def apply(operation: Operation, *operands: Node) -> Node:
    """Apply ``operation``: infer the type, evaluate if every operand has a value, record."""
    state = STATE.get()
    type_ = operation.infer(*[operand.type for operand in operands])
    value = _evaluate(operation, operands)
    tracks = 0
    for operand in operands:
        tracks |= operand.tracks
    tracks &= ~state.suppressed if is_float(type_.dtype) else 0
    if value is not None and not tracks:
        node = Node(CONSTANT, (), type_, value, 0, state.frame)
    else:
        node = Node(operation, operands, type_, value, tracks, state.frame)
    if state.recorder is not None:
        state.recorder.nodes.append(node)
    return node


def _evaluate(operation: Operation, operands: tuple[Node, ...]) -> Array | None:
    values = [operand.value for operand in operands]
    if any(value is None for value in values):
        return None
    with np.errstate(all="ignore"):
        return operation.evaluate(*values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Leaf(Operation):
    """A node without operands: a program's input, a constant, or a variable to differentiate by."""

    kind: str

    @property
    def name(self) -> str:
        return self.kind

    def infer(self, *operands: Type) -> Type:
        raise AssertionError("leaves are made, not inferred")

    def evaluate(self, *operands: Array) -> Array:
        raise AssertionError("leaves are given, not evaluated")

    def render(self, names: Sequence[str], out: str) -> str:
        return f"{out} = {self.kind}"

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        return iter(())


CONSTANT = Leaf("constant")
INPUT = Leaf("input")
VARIABLE = Leaf("variable")


def constant(value: Array) -> Node:
    """Return a node with a known value and no history."""
    return Node(CONSTANT, (), Type(value.shape, value.dtype), value)


def placeholder(type_: Type, name: str | None = None) -> Node:
    """Return a node without a value: an input of a program being traced."""
    node = Node(INPUT, (), type_, None)
    node.name = name
    return node


def variable(value: Array, tracks: int) -> Node:
    """Return a leaf by which derivatives are taken."""
    return Node(VARIABLE, (), Type(value.shape, value.dtype), value, tracks)
