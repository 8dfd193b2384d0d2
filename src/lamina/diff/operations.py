"""What a program costs: its operations, and the memory of its intermediate values."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Call, Expr


def operations(program: Program) -> int:
    """Return how many elementary operations a program does.

    A contraction over loops of lengths n₁, …, n_k with m operands does m · n₁ ⋯ n_k of them
    (multiplications and additions) if it sums, and one for every product else; a pointwise
    function one for each call in its formula and element. What only moves elements is free.

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

    Of the nodes that can be computed next it is always the one that leaves the least alive, so
    a tangent follows its value closely. Outputs stay; inputs and constants are not counted.
    """
    return _Memory(program).peak()


class _Memory:
    """Nodes in an order that frees memory early."""

    def __init__(self, program: Program) -> None:
        self.nodes = list(computed(program))
        own = {id(node) for node in self.nodes}
        self.operands = {id(n): {id(o): o for o in n.operands if id(o) in own} for n in self.nodes}
        self.readers: dict[int, list[Node]] = {place: [] for place in own}
        for node in self.nodes:
            for place in self.operands[id(node)]:
                self.readers[place].append(node)
        self.uses = {place: len(readers) for place, readers in self.readers.items()}
        for node in program.outputs:
            self.uses[id(node)] = self.uses.get(id(node), 0) + 1

    def peak(self) -> int:
        missing = {place: len(operands) for place, operands in self.operands.items()}
        ready = [node for node in self.nodes if not missing[id(node)]]
        alive = most = 0
        while ready:
            node = min(ready, key=self._left)
            ready.remove(node)
            most = max(most, alive + size(node))
            alive += self._left(node)
            for place in self.operands[id(node)]:
                self.uses[place] -= 1
            for reader in self.readers[id(node)]:
                missing[id(reader)] -= 1
                if not missing[id(reader)]:
                    ready.append(reader)
        return most

    def _left(self, node: Node) -> int:
        """Return by how much memory grows when a node is computed."""
        operands = self.operands[id(node)].items()
        return size(node) - sum(size(o) for place, o in operands if self.uses[place] == 1)


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
        body = operation.function.body
        return prod(node.shape) * (1 if body is None else _calls(body))
    if not isinstance(operation, Contraction):
        return 0
    sums = len(operation.extents) > operation.out_rank
    each = len(operation.reads) - 1 + sums
    return each * prod(operation.extents)


def _calls(expr: Expr) -> int:
    return 1 + sum(map(_calls, expr.arguments)) if isinstance(expr, Call) else 0
