"""Listings of programs that read like a textbook's."""

from __future__ import annotations

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Array


def listing(program: Program) -> str:
    """Return the program's text: one line a node, with its type at the right."""
    names = _names(program)
    inputs = ", ".join(f"{names[id(n)]}: {n.type}" for n in program.inputs)
    given = {id(n) for n in program.inputs}
    rows = [
        (_line(n, names), str(n.type), "" if n.frame is None else n.frame.path)
        for n in program.nodes
        if id(n) not in given
    ]
    width = min(72, max((len(text) for text, _, _ in rows), default=0))
    kinds = max((len(kind) for _, kind, _ in rows), default=0)
    lines = [f"  {text:<{width}}  {kind:<{kinds}}  {path}".rstrip() for text, kind, path in rows]
    result = ", ".join(names[id(n)] for n in program.outputs)
    return "\n".join([f"{program.name}({inputs}):", *lines, f"  return {result}"])


def _names(program: Program) -> dict[int, str]:
    """Give every node its own name if it has one, else one by kind and number."""
    given = {node.name for node in program.nodes}
    names: dict[int, str] = {}
    used: dict[str, int] = {}
    for node in program.nodes:
        stem = node.name or ("c" if node.value is not None else "v")
        used[stem] = used.get(stem, 0) + 1
        name = stem if node.name and used[stem] == 1 else f"{stem}{used[stem]}"
        while name != node.name and name in given:
            used[stem] += 1
            name = f"{stem}{used[stem]}"
        names[id(node)] = name
    return names


def _line(node: Node, names: dict[int, str]) -> str:
    out = names[id(node)]
    if node.value is not None:
        return f"{out} = {_constant(node.value)}"
    return node.operation.render([names[id(operand)] for operand in node.operands], out)


def _constant(value: Array) -> str:
    """Return the number, where an array holds only one (repeated or not)."""
    single = value.size == 1 or (value.size and not any(value.strides))
    return str(value.flat[0]) if single else "constant"
