"""Kernels as text."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.compiler.ir import (
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    If,
    Kernel,
    Limit,
    Load,
    Local,
    Number,
    Prefetch,
    Statement,
    Store,
    Turn,
)

_INFIX = {
    "add": "+",
    "sum": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "rem": "%",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
    "and": "&",
    "or": "|",
    "xor": "^",
    "shift_left": "<<",
    "shift_right": ">>",
}


def listing(kernel: Kernel) -> str:
    """Return a kernel's loops as text.

    >>> from lamina.compiler.ir import Store, contiguous
    >>> from lamina.compiler.lowering.building import at, nest
    >>> from lamina.core.types import float32
    >>> x = contiguous("x", (3,), float32)
    >>> y = contiguous("y", (3,), float32)
    >>> copy = Store(y, at("i"), Load(x, at("i")))
    >>> print(listing(Kernel("copy", (y, x), nest(["i"], (3,), copy))))
    kernel copy(y: float32[3], x: float32[3]):
      for i in 0..3:
        y[i] = x[i]
    """
    parameters = ", ".join(f"{b.name}: {_shape(b)}" for b in kernel.buffers)
    chunks = f" in {kernel.chunks} chunks" if kernel.chunks > 1 else ""
    return "\n".join([f"kernel {kernel.name}({parameters}){chunks}:", *_lines(kernel.body, "  ")])


def _shape(buffer: Buffer) -> str:
    return f"{buffer.dtype}[{', '.join(map(str, buffer.shape))}]"


def _lines(body: Sequence[Statement], indent: str) -> list[str]:
    lines: list[str] = []
    for statement in body:
        lines.append(indent + _head(statement))
        if isinstance(statement, For | If):
            lines += _lines(statement.body, indent + "  ")
    return lines


def _head(statement: Statement) -> str:
    if isinstance(statement, For):
        starts = _limits(statement.starts, "max", "⌈", "⌉")
        stops = _limits(statement.stops, "min", "⌊", "⌋")
        lanes = f" in {statement.lanes} lanes" if statement.lanes else ""
        step = f" by {statement.step}" if statement.step != 1 else ""
        return f"for {statement.loop} in {starts}..{stops}{step}{lanes}:"
    if isinstance(statement, If):
        return f"if {text(statement.condition)}:"
    if isinstance(statement, Assign):
        return f"{statement.local.name} = {text(statement.value)}"
    if isinstance(statement, Prefetch):
        return f"fetch {_element(statement)}"
    if isinstance(statement, Turn):
        square = f"{statement.size} × {statement.size}"
        return f"turn {_head(statement.element())} for turn0, turn1 in {square}"
    sign = "+=" if isinstance(statement, Accumulate) else "="
    return f"{_element(statement)} {sign} {text(statement.value)}"


def _limits(limits: Sequence[Limit], name: str, left: str, right: str) -> str:
    parts = [
        text(x.affine) if x.divisor == 1 else f"{left}({text(x.affine)})/{x.divisor}{right}"
        for x in limits
    ]
    return parts[0] if len(parts) == 1 else f"{name}({', '.join(parts)})"


def _element(at: Load | Store | Accumulate | Prefetch) -> str:
    return f"{at.buffer.name}[{', '.join(text(i) for i in at.indices)}]"


def text(expression: Expression) -> str:
    """Return an expression as text."""
    if isinstance(expression, Number):
        return f"{expression.value}"
    if isinstance(expression, Affine):
        return _affine(expression)
    if isinstance(expression, Local):
        return expression.name
    if isinstance(expression, Load):
        active = f"{{{expression.active}}}" if expression.active else ""
        return _element(expression) + active
    arguments = [text(a) for a in expression.arguments]
    if expression.name in _INFIX:
        return f"({f' {_INFIX[expression.name]} '.join(arguments)})"
    name = str(expression.dtype) if expression.name == "convert" else expression.name
    return f"{name}({', '.join(arguments)})"


def _affine(affine: Affine) -> str:
    terms = [n if c == 1 else f"{c}*{n}" for n, c in affine.terms]
    if affine.constant or not terms:
        terms.append(str(affine.constant))
    return " + ".join(terms).replace("+ -", "- ")
