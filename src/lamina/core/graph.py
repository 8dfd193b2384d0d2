"""Walking a graph, without recursion: chains of any length work."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lamina.core.node import Node


def topological(
    outputs: Iterable[Node], operands: Callable[[Node], Iterable[Node]] | None = None
) -> list[Node]:
    """Return every node that ``outputs`` depend on, operands before results.

    ``operands`` restricts the walk (by default a node's own operands are followed).
    The order is depth-first from the outputs, independent of when nodes were made.
    """
    follow = operands or (lambda node: node.operands)
    order: list[Node] = []
    done: set[int] = set()
    for output in outputs:
        _visit(output, follow, done, order)
    return order


def _visit(
    root: Node, follow: Callable[[Node], Iterable[Node]], done: set[int], order: list[Node]
) -> None:
    stack = [(root, iter(follow(root)))] if id(root) not in done else []
    done.add(id(root))
    while stack:
        node, remaining = stack[-1]
        for operand in remaining:
            if id(operand) not in done:
                done.add(id(operand))
                stack.append((operand, iter(follow(operand))))
                break
        else:
            order.append(node)
            stack.pop()
