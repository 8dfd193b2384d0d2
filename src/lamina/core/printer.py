"""Listings of programs that read like a textbook's."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Array


def listing(program: Program) -> str:
    """Return the program's text: one line a node, with its type at the right."""
    called = names(program)
    inputs = ", ".join(f"{called[id(n)]}: {n.type}" for n in program.inputs)
    given = {id(n) for n in program.inputs}
    rows = [
        (_line(n, called), str(n.type), "" if n.frame is None else n.frame.path)
        for n in program.nodes
        if id(n) not in given
    ]
    width = min(72, max((len(text) for text, _, _ in rows), default=0))
    kinds = max((len(kind) for _, kind, _ in rows), default=0)
    lines = [f"  {text:<{width}}  {kind:<{kinds}}  {path}".rstrip() for text, kind, path in rows]
    result = ", ".join(called[id(n)] for n in program.outputs)
    return "\n".join([f"{program.name}({inputs}):", *lines, f"  return {result}"])


def names(program: Program, own: Iterable[Node] | None = None) -> dict[int, str]:
    """Give every node, by its id, its own name if it has one, else one by kind and number.

    Constants are called c1, c2, …, the rest v1, v2, …, and repeated names count on. With
    ``own``, no nodes but these keep their own.

    >>> import lamina
    >>> program = lamina.trace(lambda x: lamina.exp(2 * x).named("y"), 1.0, names=["x"])
    >>> list(names(program).values()), list(names(program, own=program.inputs).values())
    (['x', 'c1', 'v1', 'y'], ['x', 'c1', 'v1', 'v2'])
    """
    kept = {id(node): node.name for node in (program.nodes if own is None else own)}
    given = set(kept.values())
    found: dict[int, str] = {}
    used: dict[str, int] = {}
    for node in program.nodes:
        called = kept.get(id(node))
        stem = called or ("c" if node.value is not None else "v")
        used[stem] = used.get(stem, 0) + 1
        name = stem if called and used[stem] == 1 else f"{stem}{used[stem]}"
        while name != called and name in given:
            used[stem] += 1
            name = f"{stem}{used[stem]}"
        found[id(node)] = name
    return found


def _line(node: Node, names: dict[int, str]) -> str:
    out = names[id(node)]
    if node.value is not None:
        return f"{out} = {_constant(node.value)}"
    return node.operation.render([names[id(operand)] for operand in node.operands], out)


def _constant(value: Array) -> str:
    """Return the number, where an array holds only one (repeated or not)."""
    single = value.size == 1 or (value.size and not any(value.strides))
    return str(value.flat[0]) if single else "constant"
