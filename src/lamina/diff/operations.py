"""What a program costs: its operations, and the memory of its intermediate values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.nn.counting import count_terms
from lamina.ops.contraction import Contraction
from lamina.ops.gather import ScatterAdd
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Call, Expr, Scalar
from lamina.ops.window import WindowArgMax, WindowMax, WindowSpread


def operations(program: Program) -> int:
    """Return how many elementary operations a program does.

    A contraction that sums does m of them (multiplications and additions) for each product of m
    elements, and one less if it does not sum; what would read beyond a border is not done. A
    pointwise function does one for each call in its formula and element, where equal parts are one;
    a maximum one for each element of a window, adding to places one for each element added. What
    only moves elements is free.

    >>> import lamina
    >>> a, b = lamina.zeros(2, 3), lamina.zeros(3, 4)
    >>> operations(lamina.trace(lambda a, b: lamina.tanh(a @ b), a, b))
    56
    """
    return sum(_cost(node) for node in computed(program))


def bytes_kept(program: Program) -> int:
    """Return the bytes of all intermediate values: what reverse mode remembers."""
    return sum(size(node) for node in computed(program))


def peak_bytes(program: Program) -> int:
    """Return the most bytes that are alive at once, if each value goes after its last use.

    The nodes are computed in `thrifty_order`. Outputs stay; inputs and constants are not counted.
    """
    uses = _uses(program)
    alive = most = 0
    for node in thrifty_order(program):
        alive += size(node)
        most = max(most, alive)
        for operand in _distinct(node.operands):
            uses[id(operand)] -= 1
            alive -= size(operand) if not uses[id(operand)] else 0
    return most


def thrifty_order(program: Program) -> list[Node]:
    """Return what there is to compute in an order that frees memory early.

    Of the nodes that can be computed next it is always the one that leaves the least alive, so
    a tangent follows its value closely.
    """
    nodes, uses = list(computed(program)), _uses(program)
    own = {id(node) for node in nodes}
    operands = {id(n): [o for o in _distinct(n.operands) if id(o) in own] for n in nodes}
    readers: dict[int, list[Node]] = {id(node): [] for node in nodes}
    for node in nodes:
        for operand in operands[id(node)]:
            readers[id(operand)].append(node)
    missing = {place: len(found) for place, found in operands.items()}

    def left(node: Node) -> int:
        """Return by how much memory grows when a node is computed."""
        return size(node) - sum(size(o) for o in operands[id(node)] if uses[id(o)] == 1)

    ready = [node for node in nodes if not missing[id(node)]]
    order = []
    while ready:
        node = min(ready, key=left)
        ready.remove(node)
        order.append(node)
        for operand in operands[id(node)]:
            uses[id(operand)] -= 1
        for reader in readers[id(node)]:
            missing[id(reader)] -= 1
            if not missing[id(reader)]:
                ready.append(reader)
    return order


def _uses(program: Program) -> Counter[int]:
    """Return how many nodes read each node; what is given, known or a result is never done with."""
    found = Counter(id(o) for n in computed(program) for o in _distinct(n.operands))
    for node in (*program.inputs, *program.outputs):
        found[id(node)] += 1
    for node in program.nodes:
        found[id(node)] += node.value is not None
    return found


def _distinct(nodes: Sequence[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))


def computed(program: Program) -> Iterator[Node]:
    """Yield the nodes that are neither given nor known."""
    given = {id(node) for node in program.inputs}
    return (n for n in program.nodes if n.value is None and id(n) not in given)


def size(node: Node) -> int:
    """Return the bytes of a node's value."""
    return prod(node.shape) * node.dtype.itemsize


def _cost(node: Node) -> int:
    operation = node.operation
    if isinstance(operation, Pointwise):
        return prod(node.shape) * calls(operation.function)
    if isinstance(operation, Contraction):
        sums = len(operation.extents) > operation.out_rank
        each = len(operation.reads) - 1 + sums
        return each * count_terms(operation) if each else 0
    if isinstance(operation, WindowMax | WindowArgMax):
        return count_terms(operation.window)
    if isinstance(operation, WindowSpread | ScatterAdd):
        return prod(node.operands[0].shape)
    return 0


@lru_cache(maxsize=4096)
def calls(function: Scalar) -> int:
    """Return how many functions that have no formula a scalar function calls, equal calls once.

    >>> from lamina.ops.activations import silu
    >>> calls(silu)  # x · logistic(x)
    2
    """
    if function.body is None:
        return 1
    return sum(calls(call.function) for call in _calls(function.body))


@lru_cache(maxsize=4096)
def _calls(expr: Expr) -> frozenset[Call]:
    """Return the distinct calls in an expression."""
    if not isinstance(expr, Call):
        return frozenset()
    return frozenset((expr,)).union(*map(_calls, expr.arguments))
