"""Forward mode: from tangents of the variables to tangents of the outputs.

For y = f(x) and a tangent u of x it computes ``J u`` along the graph. Nested forward modes
cannot be confused, since tangents belong to the variables of one graph, never to values.
Source: Griewank and Walther, *Evaluating Derivatives*, ch. 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.autodiff.rules import dependent, derivative_frame, plus
from lamina.core.node import Node
from lamina.core.types import is_float


def pushforward(
    outputs: Sequence[Node], variables: Sequence[Node], tangents: Sequence[Node], bit: int
) -> list[Node | None]:
    """Return the tangent of each output (None where it does not depend on any variable).

    ``bit`` is the bit of the variables' level (see `lamina.autodiff.levels`).
    """
    found: dict[int, Node] = {
        id(variable): tangent for variable, tangent in zip(variables, tangents, strict=True)
    }
    for node in dependent(outputs, variables, bit):
        if id(node) not in found and is_float(node.dtype):
            tangent = _push_through(node, found)
            if tangent is not None:
                found[id(node)] = tangent
    return [found.get(id(output)) for output in outputs]


def _push_through(node: Node, found: dict[int, Node]) -> Node | None:
    """Return the tangent of ``node``: the sum of what each operand's tangent contributes."""
    total: Node | None = None
    for index, operand in enumerate(node.operands):
        if id(operand) in found:
            with derivative_frame(node):
                part = node.operation.jvp(node, index, found[id(operand)])
                total = total if part is None else plus(total, part)
    return total
