"""`lamina.compile`: functions as native code."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.node import constant
from lamina.core.program import Program
from lamina.tensors.handle import Tensor, as_tensor
from lamina.tensors.tracing import trace
from lamina.tensors.tree import leaves, map_tree, rebuild

if TYPE_CHECKING:
    from lamina.compiler.executable import Executable

Stage = Literal["graph", "passes", "loops", "llvm", "asm"]


class Compiled:
    """A function that runs as native code, compiled once for each signature of its arguments.

    A signature is the structure of the containers, and the shapes and dtypes of the tensors,
    arrays and floats in them; whatever else there is among the arguments (whole numbers,
    strings, None) is a constant of the compiled code and part of the signature.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._made: dict[Any, tuple[Executable, Any]] = {}
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns for these arguments."""
        executable, result = self._get(arguments)
        inputs = [np.asarray(as_tensor(leaf)) for leaf in leaves(arguments) if _is_input(leaf)]
        values = iter(executable(*inputs))
        return map_tree(
            lambda leaf: Tensor(constant(next(values))) if isinstance(leaf, Tensor) else leaf,
            result,
        )

    def show(self, stage: Stage, *arguments: Any) -> str:
        """Return the program for these arguments as text, at one stage of its compilation.

        ``"graph"`` is the traced program, ``"passes"`` the program after every pass,
        ``"loops"`` the kernels, ``"llvm"`` their LLVM code and ``"asm"`` the machine's.
        """
        executable, _ = self._get(arguments)
        if stage not in ("graph", "passes", "loops", "llvm", "asm"):
            raise ArgumentError(f"show: expected graph, passes, loops, llvm or asm, got {stage!r}")
        return executable.show(stage)

    def _get(self, arguments: tuple[Any, ...]) -> tuple[Executable, Any]:
        key = _signature(arguments)
        if key not in self._made:
            self._made[key] = self._compile(arguments)
        return self._made[key]

    def _compile(self, arguments: tuple[Any, ...]) -> tuple[Executable, Any]:
        from lamina.compiler.executable import Executable

        every = leaves(arguments)
        inputs = [as_tensor(leaf) for leaf in every if _is_input(leaf)]
        results: list[Any] = []

        def flat(*given: Tensor) -> list[Tensor]:
            values = iter(given)
            restored = [next(values) if _is_input(leaf) else leaf for leaf in every]
            results.append(self._function(*rebuild(arguments, restored)))
            return [leaf for leaf in leaves(results[-1]) if isinstance(leaf, Tensor)]

        flat.__name__ = getattr(self._function, "__name__", "f")
        program: Program = trace(flat, *inputs)
        return Executable(program), results[-1]


def compile(function: Callable[..., Any]) -> Compiled:
    """Return ``function`` as native code: traced at the first call with new types, then reused.

    The function must be pure: it computes its result from its arguments. A tensor that it takes
    from outside is a constant of the compiled code, with the value it had when it was traced, so
    pass what changes as an argument (`lamina.nn.functional_call` for a module's parameters).
    Derivatives taken inside compile too. Python code that asks for a tensor's value raises
    `TraceError`.

    >>> import lamina
    >>> f = lamina.compile(lambda x: (x * x).sum())
    >>> f(lamina.tensor([1.0, 2.0, 3.0]))
    tensor(14.)
    >>> lamina.compile(lamina.grad(lambda x: (x**3).sum()))(lamina.tensor([1.0, 2.0]))
    tensor([ 3., 12.])
    """
    return Compiled(function)


def _is_input(leaf: Any) -> bool:
    return isinstance(leaf, Tensor | np.ndarray | np.generic | float)


def _signature(arguments: tuple[Any, ...]) -> Any:
    """Return what tells apart the arguments that need code of their own."""

    def of(leaf: Any) -> Any:
        if not _is_input(leaf):
            return leaf
        tensor = as_tensor(leaf)
        return (tensor.shape, str(tensor.dtype))

    structure = map_tree(lambda _: 0, arguments)
    return repr(structure), tuple(of(leaf) for leaf in leaves(arguments))
