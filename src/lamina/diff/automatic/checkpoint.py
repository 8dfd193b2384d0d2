"""Reverse mode that recomputes: less memory for more time.

Reverse mode remembers every intermediate value from the forward pass until the backward pass comes
by. A checkpointed function keeps its arguments only, and is run again when its derivative is asked
for. A chain of n steps in √n segments remembers about 2 √n values, and runs forward twice.

Source: Griewank and Walther, *Evaluating Derivatives*, chapter 12; Chen et al., *Training deep nets
with sublinear memory cost*, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from itertools import pairwise

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.diff.interface import Function
from lamina.diff.operations import bytes_kept, size
from lamina.tensors import Tensor, as_tensor, jvp, trace, vjp

Found = tuple[Node, ...]


def checkpoint(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function, whose intermediate values are not kept for the backward pass.

    It takes tensors and returns one tensor. Values and derivatives of every order are those of the
    function itself. In a traced program it is the function itself: what a compiled program keeps,
    its plan of memory decides.

    Errors: `ArgumentError` if the function returns anything but a tensor.

    >>> import lamina
    >>> f = checkpoint(lambda x: lamina.sin(lamina.exp(x)))
    >>> x = lamina.tensor(0.5)
    >>> lamina.grad(f)(x).item() == lamina.grad(lambda x: lamina.sin(lamina.exp(x)))(x).item()
    True
    """

    @wraps(function)
    def inside(*args: Tensor) -> Tensor:
        given = [as_tensor(arg) for arg in args]
        if any(tensor.node.value is None for tensor in given):
            return function(*given)
        program = trace(function, *(tensor.numpy() for tensor in given))
        if len(program.outputs) != 1:
            raise ArgumentError(
                f"checkpoint: the function must return one tensor, got {len(program.outputs)}"
            )
        return Tensor(apply(Segment(program), *(tensor.node for tensor in given)))

    return inside


def chained(functions: Sequence[Function], segments: int = 1) -> Function:
    """Return the composition fₙ ∘ … ∘ f₁, in about equal segments that are checkpointed.

    Errors: `ArgumentError` for fewer segments than 1.

    >>> import lamina
    >>> f = chained([lamina.sin] * 9, segments=3)
    >>> round(lamina.grad(f)(lamina.tensor(0.5)).item(), 6)
    0.411237
    """
    parts = [checkpoint(part) for part in _segments(functions, segments)]

    def f(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return f


@dataclass(frozen=True)
class Memory:
    """Bytes that reverse mode remembers at most for a chain, and the runs of each function.

    ``plain`` without checkpoints, ``checkpointed`` with: what stands between segments, and all of
    the largest segment, while that is run again.
    """

    plain: int
    checkpointed: int


def memory(functions: Sequence[Function], x: Tensor, segments: int) -> Memory:
    """Return what reverse mode remembers of a chain with that many segments.

    >>> import lamina
    >>> found = memory([lamina.sin] * 100, lamina.zeros(1000), segments=10)
    >>> found.plain // found.checkpointed
    5
    """
    whole = trace(chained_plainly(functions), x.numpy())
    between, largest = x.numpy().nbytes, 0
    value = x.numpy()
    for part in _segments(functions, segments):
        program = trace(part, value)
        (value,) = program.evaluate(value)
        largest = max(largest, bytes_kept(program) - size(program.outputs[0]))
        between += value.nbytes
    return Memory(x.numpy().nbytes + bytes_kept(whole), between + largest)


def chained_plainly(functions: Sequence[Function]) -> Function:
    """Return the composition fₙ ∘ … ∘ f₁."""

    def f(x: Tensor) -> Tensor:
        for function in functions:
            x = function(x)
        return x

    return f


def _segments(functions: Sequence[Function], segments: int) -> list[Function]:
    if segments < 1:
        raise ArgumentError(f"chained: segments must be at least 1, got {segments}")
    ends = np.linspace(0, len(functions), min(segments, len(functions)) + 1).round().astype(int)
    return [chained_plainly(functions[start:end]) for start, end in pairwise(ends)]


@dataclass(frozen=True, eq=False)
class Segment(Operation):
    """A whole program as one operation, which remembers nothing but its operands."""

    program: Program
    #: The last derivatives, by operand: all operands' are found in one run.
    latest: list[tuple[Node, Node, Found]] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """How listings call it."""
        return "checkpoint"

    def infer(self, *operands: Type) -> Type:
        """Return the type of the program's output."""
        return self.program.outputs[0].type

    def evaluate(self, *operands: Array) -> Array:
        """Run the program; each of its values goes after its last use."""
        return self.program.evaluate(*operands)[0]

    def replay(self, *tensors: Tensor) -> Tensor:
        """Do the program's operations again, recorded as any."""
        made = {id(n): t.node for n, t in zip(self.program.inputs, tensors, strict=True)}
        for node in self.program.nodes:
            if id(node) not in made:
                operands = (made[id(operand)] for operand in node.operands)
                made[id(node)] = (
                    node if node.value is not None else apply(node.operation, *operands)
                )
        return Tensor(made[id(self.program.outputs[0])])

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        """Return the cotangent of an operand, by running the program again."""
        for known, back, found in self.latest:
            if known is node and back is cotangent:
                return found[index]
        floats = [n for n, o in enumerate(node.operands) if o.dtype.kind == "f"]
        tensors = [Tensor(operand) for operand in node.operands]

        def by_floats(*given: Tensor) -> Tensor:
            for n, tensor in zip(floats, given, strict=True):
                tensors[n] = tensor
            return self.replay(*tensors)

        _, pull = vjp(by_floats, *(tensors[n] for n in floats))
        pulled = dict(zip(floats, pull(Tensor(cotangent)), strict=True))
        found = tuple(pulled[n].node if n in pulled else node for n in range(len(tensors)))
        self.latest[:] = [(node, cotangent, found)]
        return found[index] if index in pulled else None

    def jvp(self, node: Node, index: int, tangent: Node) -> Node | None:
        """Return the tangent along an operand's, by running the program again."""
        tensors = [Tensor(operand) for operand in node.operands]

        def by_one(given: Tensor) -> Tensor:
            return self.replay(*tensors[:index], given, *tensors[index + 1 :])

        pushed: Tensor = jvp(by_one, (tensors[index],), (Tensor(tangent),))[1]
        return pushed.node

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        """Yield none: it is made of other operations."""
        return iter(())
