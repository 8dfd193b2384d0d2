"""The quick way into a compiled function, for calls like the one before.

The full way flattens the arguments, makes tensors of them and looks their signature up. A call with
as many arguments, in the same places tensors or arrays, floats, and equal constants, needs none of
that: native code compares shapes and dtypes, and whatever is not as before goes the full way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.autodiff.levels import TAPE
from lamina.core.types import Array, Type, float32
from lamina.tensors.handle import Tensor, as_tensor, known
from lamina.tensors.tree import map_tree

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding

Finish = Callable[[list[Array]], Any]
LARGEST = float(np.finfo(np.float32).max)


class Quick:
    """How the last call was made: what was constant in it, and what it ran.

    Only calls whose arguments are all tensors, arrays, numbers and constants by themselves, not in
    containers, can be repeated so (see `repeatable`).
    """

    def __init__(self, arguments: Sequence[Any], binding: Binding, finish: Finish) -> None:
        inputs = iter(binding.rest)
        kinds = [_kind(a, binding.types[next(inputs)]) if is_input(a) else _Constant(a)
                 for a in arguments]  # fmt: skip
        self._kinds = kinds if any(kinds) else None
        self._count = len(arguments)
        self._run = binding.quick
        self._finish = finish

    def __call__(self, arguments: tuple[Any, ...]) -> tuple[Any] | None:
        """Return the result, in a tuple; or None: these arguments must go the full way."""
        if len(arguments) != self._count:
            return None
        inputs = arguments if self._kinds is None else _reduced(arguments, self._kinds)
        if inputs is None:
            return None
        arrays: list[Any] = []
        for argument in inputs:
            if isinstance(argument, Tensor):
                node = argument.node
                # A bit other than that of `.backward()` is of a derivative being taken, which the
                # full way finds. A traced tensor has no value: native code refuses None.
                if node.tracks > TAPE:
                    return None
                argument = node.value
            arrays.append(argument)  # of another kind than an array: native code refuses it
        found = self._run(arrays)
        return None if found is None else (self._finish(found),)


def _reduced(arguments: tuple[Any, ...], kinds: list[Any]) -> tuple[Any, ...] | None:
    """Return the arguments without those that are compiled in, and floats as arrays."""
    arrays: list[Any] = []
    for kind, argument in zip(kinds, arguments, strict=True):
        if kind is None:
            arrays.append(argument)
        elif not kind.takes(argument, arrays):
            return None
    return tuple(arrays)


class _Constant:
    """An argument that is compiled in: it must be equal."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def takes(self, argument: Any, arrays: list[Any]) -> bool:
        return type(argument) is type(self._value) and argument == self._value


class _Float:
    """An argument that was a float, whose dtype follows from the others'."""

    def __init__(self, type_: Type) -> None:
        self._dtype = type_.dtype

    def takes(self, argument: Any, arrays: list[Any]) -> bool:
        if type(argument) is not float:
            return False
        arrays.append(_number(argument, self._dtype))
        return True


def _kind(argument: Any, type_: Type) -> _Float | None:
    """Return None for a tensor or an array: those are compared natively."""
    return _Float(type_) if type(argument) is float else None


def is_input(leaf: Any) -> bool:
    """Return whether an argument is an input of the program, and not a constant of it."""
    return isinstance(leaf, Tensor | np.ndarray | np.generic | float)


def repeatable(arguments: Sequence[Any]) -> bool:
    """Return whether there is a quick way for arguments like these."""
    plain = (Tensor, np.ndarray, float, int, str, bytes, type(None))
    return all(isinstance(a, plain) for a in arguments)


def finishing(result: Any, types: Sequence[Type]) -> Finish:
    """Return what makes of a program's outputs a result like the traced one."""
    if isinstance(result, Tensor):
        (type_,) = types
        return lambda values: known(values[0], type_)
    if type(result) is tuple and all(isinstance(leaf, Tensor) for leaf in result):
        return lambda values: tuple(map(known, values, types))
    return lambda values: _rebuilt(result, map(known, values, types))


def _rebuilt(result: Any, tensors: Iterator[Tensor]) -> Any:
    """Return a traced result with other tensors in the places of its own."""
    return map_tree(lambda leaf: next(tensors) if isinstance(leaf, Tensor) else leaf, result)


def _number(value: float, dtype: Any) -> Array:
    if dtype == float32 and not -LARGEST < value < LARGEST:  # NumPy would warn
        return as_tensor(value, dtype).value
    return np.array(value, dtype)
