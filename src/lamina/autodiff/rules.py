"""What both modes share: which part of a graph matters, sums, zeros, frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lamina.core.context import frame
from lamina.core.graph import topological
from lamina.core.node import Node, apply, constant
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise


def dependent(outputs: Sequence[Node], variables: Sequence[Node], bit: int) -> list[Node]:
    """Return the nodes on a path from ``variables`` to ``outputs``, in topological order.

    Only nodes that track ``bit``, the bit of the variables' level, are on such a path: what was
    made while the level was suppressed is a constant to it, traced or not.
    """
    given = {id(variable) for variable in variables}

    def follow(node: Node) -> list[Node]:
        return [operand for operand in node.operands if operand.tracks & bit]

    on_path = set(given)
    found = []
    for node in topological([o for o in outputs if o.tracks & bit], follow):
        if id(node) in given or any(id(operand) in on_path for operand in follow(node)):
            on_path.add(id(node))
            found.append(node)
    return found


def plus(a: Node | None, b: Node) -> Node:
    """Return ``a + b``, where None is zero."""
    return b if a is None else apply(Pointwise(scalars.add), a, b)


def zeros_like(node: Node) -> Node:
    """Return zeros of the node's type."""
    return constant(np.broadcast_to(np.zeros((), node.dtype), node.shape))


@contextmanager
def derivative_frame(node: Node) -> Iterator[None]:
    """Name what is made inside after the frame whose derivative it belongs to."""
    if node.frame is None:
        yield
        return
    with frame("derivative", "grad", node.frame):
        yield
