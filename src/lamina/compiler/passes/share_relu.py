"""Let the derivative of ReLU look at ReLU's result, so that its operand need not be kept.

relu(x) ≤ 0 exactly where x ≤ 0 (for NaN neither holds), so ``where(x ≤ 0, 0, v)`` may read
the result, which the next layer keeps anyway. Bit-identical.
"""

from __future__ import annotations

from lamina.compiler.passes.rewriting import Operands, consumers, made, rebuilt, rewrite
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar_calculus import product_with_partial

RELU = Pointwise(scalars.relu)
DERIVATIVE = Pointwise(product_with_partial(scalars.relu, 0)[0])


def share_relu(program: Program) -> Program:
    """Replace x by relu(x) in ReLU's derivative wherever the program has relu(x)."""
    readers = consumers(program)
    results: dict[int, Node] = {}

    def result_of(place: Node, x: Node) -> Node:
        """Return relu(x): the backward pass may come to it before the forward pass."""
        if id(x) not in results:
            results[id(x)] = rebuilt(place, (x,))
        return results[id(x)]

    def share(node: Node, operands: Operands) -> Node:
        if node.operation == RELU:
            return result_of(node, operands[0])
        if node.operation == DERIVATIVE:
            near = readers[id(node.operands[0])].values()
            forward = next((other for other in near if other.operation == RELU), None)
            if forward is not None:
                result = result_of(forward, operands[0])
                return made(DERIVATIVE, (result, *operands[1:]), node)
        return rebuilt(node, operands)

    return rewrite(program, share)
