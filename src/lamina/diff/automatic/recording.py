"""A function's graph as a program: traced, or as it was recorded for the values at hand."""

from __future__ import annotations

from lamina.autodiff.levels import Level
from lamina.core.context import release, suppress
from lamina.core.errors import ArgumentError, DTypeError, TraceError
from lamina.core.graph import topological
from lamina.core.node import Node, apply, placeholder, variable
from lamina.core.program import Program
from lamina.core.types import is_float
from lamina.diff.interface import Function
from lamina.tensors import Tensor, trace


def recorded(result: Node, start: int, tracks: int = -1) -> tuple[Program, tuple[Node, ...]]:
    """Return what was done since node number ``start`` to get a result, and what it read.

    The program's inputs stand for the nodes that were read, in their order: those made before
    that the result depends on, and that ``tracks`` has a bit of. All else is a constant of the
    program. Its other nodes have no values, so that it can be run again and keeps no memory.
    """

    def inner(node: Node) -> tuple[Node, ...]:
        return node.operands if node.serial > start else ()

    made: dict[int, Node] = {}
    read: list[Node] = []
    for node in topological([result], inner):
        if inner(node):
            operands = tuple(made[id(operand)] for operand in node.operands)
            made[id(node)] = Node(node.operation, operands, node.type, None, 0, node.frame)
        elif node.tracks & tracks:
            made[id(node)] = placeholder(node.type)
            read.append(node)
        else:
            made[id(node)] = node
    return Program(tuple(made[id(node)] for node in read), (made[id(result)],)), tuple(read)


def one_tensor(f: Function, x: Tensor) -> Tensor:
    """Return f(x), if it is one tensor of floats.

    Errors: `ArgumentError` if it is something else; `DTypeError` if it is a tensor of something
    else.
    """
    result = f(x)
    if not isinstance(result, Tensor):
        raise ArgumentError(
            f"jacobian: f must return one tensor, got {type(result).__name__}; compute with "
            "tensors from x on, and join several results (lamina.cat)"
        )
    if not is_float(result.dtype):
        raise DTypeError(f"jacobian: f must return floats, got {result.node.type}")
    return result


def graph(f: Function, x: Tensor) -> Program:
    """Return f's program for tensors like x; for x alone, where f looks at values.

    >>> import lamina
    >>> def f(x):
    ...     return x * 2 if x > 0 else -x
    >>> print(graph(f, lamina.tensor(-1.0)))
    f(x1: float32[]):
      v1 = -x1  float32[]
      return v1
    """
    if not is_float(x.dtype):
        raise ArgumentError(f"jacobian: x must be floats, got {x.dtype}")
    try:
        return trace(lambda x: one_tensor(f, x), x)
    except TraceError:
        return branch_taken(f, x)


def branch_taken(f: Function, x: Tensor) -> Program:
    """Return what f does at x, as a program for tensors like x."""
    level = Level()
    start = variable(x.numpy(), level.bit)
    try:
        with suppress(~level.bit), release(level.bit):
            result = one_tensor(f, Tensor(start)).node
    finally:
        level.close()
    program, _ = recorded(result, start.serial, level.bit)
    inputs = program.inputs or (placeholder(start.type),)  # where f does not depend on x
    inputs[0].name = "x1"
    return Program(inputs, program.outputs)


def replay(program: Program, *tensors: Tensor) -> Tensor:
    """Do a program's operations again, recorded as any, and return its first output."""
    made = {id(n): t.node for n, t in zip(program.inputs, tensors, strict=True)}
    for node in program.nodes:
        if id(node) in made:
            continue
        if node.value is not None:
            made[id(node)] = node
        else:
            made[id(node)] = apply(node.operation, *(made[id(o)] for o in node.operands))
    return Tensor(made[id(program.outputs[0])])
