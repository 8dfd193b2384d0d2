"""`lamina.compile`: functions as native code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from lamina.autodiff.levels import TAPE, over
from lamina.core.context import STATE, compiling
from lamina.core.errors import ArgumentError
from lamina.core.program import Program
from lamina.core.types import DEFAULT_FLOAT, DType, float64
from lamina.tensors.handle import Tensor, as_tensor
from lamina.tensors.quick import Finish, Quick, finishing, is_input, repeatable
from lamina.tensors.tracing import trace
from lamina.tensors.tree import leaves, map_tree, rebuild

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding
    from lamina.compiler.executable import Executable
    from lamina.compiler.profiling import Profile

WAYS = 4
"""How many kinds of calls are tried before the arguments are looked at in full."""
Stage = Literal["graph", "passes", "loops", "llvm", "asm"]


class Compiled:
    """A function that runs as native code, compiled once for each signature of its arguments.

    A signature is the structure of the containers, and the shapes and dtypes of the tensors,
    arrays and floats in them; whatever else there is among the arguments (whole numbers,
    strings, None) is a constant of the compiled code and part of the signature. A float has
    float64's precision where an array of float64 is among the arguments, else float32's.

    Where another function is being traced or differentiated, the function itself is called, and
    becomes part of that.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._made: dict[Any, tuple[Executable, Any]] = {}
        self._quick: list[Quick] = []  # the last ones first
        update_wrapper(self, function, updated=())

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return what the function returns for these arguments."""
        if not keywords:
            for quick in self._quick:
                found = quick(arguments)
                if found is not None:
                    return found[0]
        return self._call(arguments, keywords)

    def show(self, stage: Stage, *arguments: Any, **keywords: Any) -> str:
        """Return the program for these arguments as text, at one stage of its compilation.

        ``"graph"`` is the traced program, ``"passes"`` the program after every pass,
        ``"loops"`` the kernels, ``"llvm"`` their LLVM code and ``"asm"`` the machine's.
        """
        if stage not in ("graph", "passes", "loops", "llvm", "asm"):
            raise ArgumentError(f"show: expected graph, passes, loops, llvm or asm, got {stage!r}")
        executable, _ = self._get(Arguments(arguments, keywords))
        return executable.show(stage)

    def profile(self, *arguments: Any, rounds: int = 10, **keywords: Any) -> Profile:
        """Return where the time of a call with these arguments goes: a line for each kernel's call.

        Each line has the layer it is for, the kernel's name in ``show("loops")``, the median of
        ``rounds`` times in seconds, the operations and the bytes. The whole has ``arena_bytes``,
        the memory for what lies between inputs and outputs.

        >>> import lamina
        >>> double = lamina.compile(lambda x: 2 * x)
        >>> [(line.kernel, line.bytes) for line in double.profile(lamina.ones(8), rounds=1)]
        [('fused_0', 64)]
        """
        from lamina.compiler.profiling import profile

        given = Arguments(arguments, keywords)
        binding = self._bound(self._get(given)[0])
        return profile(binding, [tensor.numpy() for tensor in given.inputs], rounds)

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        given = Arguments(arguments, keywords)
        if given.belong_to_another():
            return self._function(*arguments, **keywords)
        executable, result = self._get(given)
        binding = self._bound(executable)
        finish = self._finishing(result, binding)
        if not keywords and repeatable(arguments):
            # A new list, as another thread may be going through the old one.
            self._quick = [Quick(arguments, binding, finish), *self._quick[: WAYS - 1]]
        return finish(binding(*(tensor.value for tensor in given.inputs)))

    def _get(self, given: Arguments) -> tuple[Executable, Any]:
        key = self._signature(given)
        if key not in self._made:
            self._made[key] = self._compile(given)
        return self._made[key]

    def _compile(self, given: Arguments) -> tuple[Executable, Any]:
        from lamina.compiler.executable import Executable

        program, result = traced(self._function, given)
        return Executable(program), result

    # What a module has beside a function (see `lamina.nn.compiled`) ---------------------

    def _signature(self, given: Arguments) -> Any:
        return given.signature()

    def _bound(self, executable: Executable) -> Binding:
        return executable.unbound

    def _finishing(self, result: Any, binding: Binding) -> Finish:
        return finishing(result, binding.returned)


def traced(function: Callable[..., Any], given: Arguments) -> tuple[Program, Any]:
    """Return a function's program, and its result as traced."""
    results: list[Any] = []

    def flat(*tensors: Tensor) -> list[Tensor]:
        arguments, keywords = given.restored(tensors)
        results.append(function(*arguments, **keywords))
        return [leaf for leaf in leaves(results[-1]) if isinstance(leaf, Tensor)]

    flat.__name__ = getattr(function, "__name__", "f")
    with compiling():
        program = trace(flat, *given.inputs)
    return program, results[-1]


@runtime_checkable
class Compilable(Protocol):
    """What is more than a function, and knows how it is compiled."""

    def __compiled__(self) -> Compiled:
        """Return this as native code."""


def compile(function: Callable[..., Any] | Compilable) -> Compiled:
    """Return ``function`` as native code: traced at the first call with new types, then reused.

    A `lamina.nn.Module` is compiled with its parameters and buffers as they are at each call. A
    function must be pure: it computes its result from its arguments. A tensor that it takes
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
    return function.__compiled__() if isinstance(function, Compilable) else Compiled(function)


def belong_to_another(tensors: Iterable[Tensor]) -> bool:
    """Return whether a trace or a derivative other than ``backward`` runs through the tensors."""
    kept = ~(STATE.get().suppressed | TAPE | over())
    return any(t.node.value is None or t.node.tracks & kept for t in tensors)


class Arguments:
    """The arguments of a call: tensors, which are inputs of the program, and the rest."""

    def __init__(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.tree = (arguments, dict(sorted(keywords.items())))
        self.leaves = leaves(self.tree)
        dtype = _float_dtype(self.leaves)
        self.inputs = [
            as_tensor(leaf, dtype if type(leaf) is float else None)
            for leaf in self.leaves
            if is_input(leaf)
        ]

    def belong_to_another(self) -> bool:
        """Return whether a trace or a derivative other than ``backward`` runs through them."""
        return belong_to_another(self.inputs)

    def restored(self, values: Sequence[Tensor]) -> Any:
        """Return arguments and keywords with other tensors."""
        remaining = iter(values)
        full = [next(remaining) if is_input(leaf) else leaf for leaf in self.leaves]
        return rebuild(self.tree, full)

    def signature(self) -> Any:
        """Return what tells apart the arguments that need code of their own."""
        structure = repr(map_tree(lambda _: 0, self.tree))
        types = tuple((t.shape, t.dtype.str) for t in self.inputs)
        rest = tuple(None if is_input(x) else (type(x), x) for x in self.leaves)
        for leaf in rest:
            _check_hashable(leaf)
        return structure, types, rest


def _check_hashable(leaf: Any) -> None:
    try:
        hash(leaf)
    except TypeError as error:
        raise ArgumentError(
            f"a compiled function's argument: expected tensors, arrays, numbers, strings or other "
            f"constants that can be hashed, in lists, tuples and dicts, got {leaf[1]!r}"
        ) from error


def _float_dtype(given: list[Any]) -> DType:
    """Return the dtype for Python's floats, which have none."""
    wide = any(isinstance(x, Tensor | np.ndarray) and x.dtype == float64 for x in given)
    return float64 if wide else DEFAULT_FLOAT
