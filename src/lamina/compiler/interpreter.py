"""The slow interpreter of the loop language: the oracle for the native code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.compiler.expression_numpy import evaluate
from lamina.compiler.ir import (
    CHUNK,
    LANE,
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    If,
    Kernel,
    Load,
    Local,
    Op,
    Statement,
    Store,
    Turn,
)
from lamina.core.errors import GraphError
from lamina.core.types import Array


def interpret(kernel: Kernel, arrays: Sequence[Array]) -> None:
    """Run a kernel on flat arrays, one for each of its buffers; chunks one after another.

    Raises `GraphError` where the kernel leaves a buffer.
    """
    memory = {b.name: a for b, a in zip(kernel.buffers, arrays, strict=True)}
    with np.errstate(all="ignore"):
        for chunk in range(kernel.chunks):
            _Run(memory, {CHUNK: chunk}).statements(kernel.body)


@dataclass
class _Run:
    memory: dict[str, Array]
    loops: dict[str, int] = field(default_factory=dict)
    locals: dict[str, Any] = field(default_factory=dict)

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, For):
                self.loop(statement)
            elif isinstance(statement, Store):
                self.own(statement.buffer)
                place = self.place(statement.buffer.name, statement)
                self.memory[statement.buffer.name][place] = self.value(statement.value)
            elif isinstance(statement, Accumulate):
                place = self.place(statement.buffer.name, statement)
                self.memory[statement.buffer.name][place] += self.value(statement.value)
            elif isinstance(statement, Assign):
                self.locals[statement.local.name] = self.value(statement.value)
            elif isinstance(statement, Turn):
                self.square(statement)
            elif isinstance(statement, If) and self.value(statement.condition):
                self.statements(statement.body)

    def loop(self, statement: For) -> None:
        start = max(-(-self.affine(x.affine) // x.divisor) for x in statement.starts)
        stop = min(self.affine(x.affine) // x.divisor for x in statement.stops)
        for index in range(start, stop, statement.step):
            self.loops[statement.loop] = min(index, stop - statement.step)
            self.statements(statement.body)

    def square(self, statement: Turn) -> None:
        for places in np.ndindex(statement.size, statement.size):
            self.loops["turn0"], self.loops["turn1"] = places
            self.statements((statement.element(),))

    def affine(self, affine: Affine) -> int:
        return affine.constant + sum(c * self.loops[n] for n, c in affine.terms)

    def own(self, buffer: Buffer) -> None:
        """Make the kernel's own memory when it is first written."""
        if buffer.name not in self.memory:
            self.memory[buffer.name] = np.empty(buffer.span, buffer.dtype)

    def place(self, name: str, at: Load | Store | Accumulate) -> int:
        """Return the flat position of an element, checked against the buffer's bounds."""
        indices = [int(self.value(i)) for i in at.indices]
        for axis, (index, length) in enumerate(zip(indices, at.buffer.shape, strict=True)):
            around = at.buffer.around(axis) if isinstance(at, Load) else 0
            if not -around <= index < length + around:
                raise GraphError(f"kernel leaves {name}: {indices} in {at.buffer.shape}")
        steps = sum(i * s for i, s in zip(indices, at.buffer.strides, strict=True))
        return at.buffer.offset + steps

    def value(self, expression: Expression) -> Any:
        if isinstance(expression, Affine):
            return np.int64(self.affine(expression))
        if isinstance(expression, Local):
            return self.locals[expression.name]
        if isinstance(expression, Load):
            if expression.active and self.loops[LANE] >= expression.active:
                return expression.dtype.type(0)
            return self.memory[expression.buffer.name][
                self.place(expression.buffer.name, expression)
            ]
        if isinstance(expression, Op):
            return self.operation(expression)
        return expression.dtype.type(expression.value)

    def operation(self, op: Op) -> Any:
        if op.name == "select":
            condition, a, b = op.arguments
            return self.value(a) if self.value(condition) else self.value(b)
        values = {f"a{n}": np.asarray(self.value(a)) for n, a in enumerate(op.arguments)}
        names = tuple(Local(f"a{n}", a.dtype) for n, a in enumerate(op.arguments))
        return evaluate(Op(op.name, names, op.dtype), values)[()]
