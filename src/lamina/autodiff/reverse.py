"""Reverse mode: from cotangents of the outputs to cotangents of the variables.

For y = f(x) and a cotangent v of y it computes ``Jᵀ v`` (in denominator layout, ∂L/∂x for
v = ∂L/∂y), walking the graph once from the outputs back. Sources: Griewank and Walther,
*Evaluating Derivatives*, ch. 3; Qiu, *Neural Networks and Deep Learning*, §4.5.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.autodiff.rules import dependent, derivative_frame, plus
from lamina.core.node import Node
from lamina.core.types import is_float


def pullback(
    outputs: Sequence[Node],
    cotangents: Sequence[Node],
    variables: Sequence[Node],
    bit: int,
    kept: dict[int, Node] | None = None,
) -> list[Node | None]:
    """Return the cotangent of each variable (None where no output depends on it).

    ``bit`` is the bit of the variables' level (see `lamina.autodiff.levels`).
    ``kept``, if given, receives the cotangent of every node on the way, by ``id``.
    """
    order = dependent(outputs, variables, bit)
    on_path = {id(node) for node in order}
    found: dict[int, Node] = {} if kept is None else kept
    for output, cotangent in zip(outputs, cotangents, strict=True):
        found[id(output)] = plus(found.get(id(output)), cotangent)
    wanted = {id(variable) for variable in variables}
    for node in reversed(order):
        if id(node) in found:
            _pull_through(node, found, on_path)
            if kept is None and id(node) not in wanted:
                del found[id(node)]
    return [found.get(id(variable)) for variable in variables]


def _pull_through(node: Node, found: dict[int, Node], on_path: set[int]) -> None:
    """Add to each operand's cotangent what ``node`` contributes."""
    for index, operand in enumerate(node.operands):
        if id(operand) not in on_path or not is_float(operand.dtype):
            continue
        with derivative_frame(node):
            part = node.operation.vjp(node, index, found[id(node)])
            if part is not None:
                found[id(operand)] = plus(found.get(id(operand)), part)
