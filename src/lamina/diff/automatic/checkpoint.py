"""Reverse mode that recomputes: less memory for more time.

Reverse mode remembers every intermediate value from the forward pass until the backward pass comes
by. A checkpointed function keeps what it read only, and is run again when its derivative is asked
for. A chain of n steps in √n segments remembers about 2 √n values, and runs forward twice.

Source: Griewank and Walther, *Evaluating Derivatives*, chapter 12; Chen et al., *Training deep nets
with sublinear memory cost*, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from weakref import WeakKeyDictionary

import numpy as np

from lamina.core.context import STATE
from lamina.core.errors import ArgumentError
from lamina.core.node import Example, Node, Operation, constant
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.diff.automatic.recording import recorded, replay
from lamina.tensors import Tensor, as_tensor, jvp, vjp


def checkpoint(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function, whose intermediate values are not kept for the backward pass.

    It takes what the function takes and returns one tensor. Values and derivatives of every order
    are those of the function itself, also by tensors that it reads from outside, such as a module's
    parameters. Python runs once: when a derivative is asked for, the operations that were recorded
    are done again, with the random numbers they had. In a traced program it is the function itself:
    what a compiled program keeps, its plan of memory decides.

    Errors: `ArgumentError` if the function returns anything but a tensor.

    >>> import lamina
    >>> f = checkpoint(lambda x: lamina.sin(lamina.exp(x)))
    >>> x = lamina.tensor(0.5)
    >>> lamina.grad(f)(x).item() == lamina.grad(lambda x: lamina.sin(lamina.exp(x)))(x).item()
    True
    >>> layer = checkpoint(lamina.nn.Linear(3, 2))
    >>> layer(lamina.ones(1, 3)).sum().backward()
    """

    @wraps(function)
    def inside(*args: object, **kwargs: object) -> Tensor:
        given = [as_tensor(a) if isinstance(a, np.ndarray) else a for a in args]
        start = constant(np.zeros(())).serial
        result = function(*given, **kwargs)
        if not isinstance(result, Tensor):
            raise ArgumentError(
                f"checkpoint: the function must return one tensor, got {_described(result)}"
            )
        return _forgetful(result, start)

    return inside


def _described(result: object) -> str:
    return f"{len(result)} values" if isinstance(result, tuple | list) else type(result).__name__


def _forgetful(result: Tensor, start: int) -> Tensor:
    """Return a result with what was read since ``start`` behind it, and nothing between."""
    node = result.node
    if node.value is None or not node.operands:
        return result
    program, read = recorded(node, start)
    made = Node(Segment(program), read, node.type, node.value, node.tracks, node.frame)
    recorder = STATE.get().recorder
    if recorder is not None:
        recorder.nodes.append(made)
    return Tensor(made)


@dataclass(frozen=True, eq=False)
class Segment(Operation):
    """A whole program as one operation, which remembers nothing but its operands."""

    program: Program
    #: Cotangents of operands that were found beside the one that was asked for.
    pulled: WeakKeyDictionary[Node, dict[int, Node]] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

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

    def _replay(self, *tensors: Tensor) -> Tensor:
        return replay(self.program, *tensors)

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        """Return the cotangent of an operand; the program is run again once for all of them."""
        waiting = self.pulled.get(cotangent, {})
        if index not in waiting:
            _, pull = vjp(self._replay, *map(Tensor, node.operands))
            waiting = {n: found.node for n, found in enumerate(pull(Tensor(cotangent)))}
            self.pulled[cotangent] = waiting
        found = waiting.pop(index)
        if not waiting:
            self.pulled.pop(cotangent, None)
        return found

    def jvp(self, node: Node, index: int, tangent: Node) -> Node | None:
        """Return the tangent along an operand's, by running the program again."""
        tensors = [Tensor(operand) for operand in node.operands]

        def by_one(given: Tensor) -> Tensor:
            return self._replay(*tensors[:index], given, *tensors[index + 1 :])

        pushed: Tensor = jvp(by_one, (tensors[index],), (Tensor(tangent),))[1]
        return pushed.node

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        """Yield none: it is made of other operations."""
        return iter(())
