"""Applying operations to tensors: promotion, broadcasting, named composites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from lamina.core import node as graph
from lamina.core.context import frame
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.node import Operation, constant
from lamina.core.types import DType, Shape, category, promote, promote_scalar
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Expression, Loop, contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.scalar import Scalar
from lamina.tensors.handle import Tensor, TensorLike, as_operand, as_tensor

P = ParamSpec("P")
R = TypeVar("R")


def apply(operation: Operation, *operands: Tensor) -> Tensor:
    """Return the tensor that ``operation`` gives for the operands."""
    return Tensor(graph.apply(operation, *[operand.node for operand in operands]))


def contract(outputs: Sequence[Loop], *reads: tuple[Tensor, Sequence[Expression | int]]) -> Tensor:
    """Return ``out[outputs] = Σ Π tensor[indices]``, written with loops as on paper.

    Loops that are not among the outputs are summed over; reads out of range count as zero.

    >>> import lamina
    >>> from lamina.ops.loops import Loop
    >>> x, w = lamina.tensor([1.0, 2.0, 3.0]), lamina.tensor([1.0, -1.0])
    >>> y, k = Loop("y", 2), Loop("k", 2)
    >>> contract((y,), (x, (y + k,)), (w, (k,)))
    tensor([-1., -1.])
    """
    spec = contraction(outputs, *[(x.shape, indices) for x, indices in reads])
    return apply(spec, *[x for x, _ in reads])


def composite(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function's nodes carry its name, so that listings and exporters see it whole.

    The function may also be given NumPy arrays for tensors.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with frame("function", name):
                named = {key: as_operand(value) for key, value in kwargs.items()}
                return function(*map(as_operand, args), **named)

        return inside

    return decorate


def pointwise(function: Scalar, *arguments: TensorLike) -> Tensor:
    """Return ``function`` of the arguments, element by element, promoted and broadcast.

    Python and NumPy numbers are weak: they take the tensors' dtype where its category allows.
    So are tensors without axes beside tensors with some (as in PyTorch).
    """
    arguments = _weakened(arguments)
    dtype = _common_dtype(function, arguments)
    if all(isinstance(a, Tensor) for a in arguments):
        tensors: list[Tensor] = list(arguments)
    else:
        tensors = [_lift(function.name, a, dtype) for a in arguments]
    shape = broadcast_shape(function.name, [t.shape for t in tensors])
    ready = [
        broadcast(cast(t, dtype) if kind != "b" else t, shape)
        for t, kind in zip(tensors, function.kinds, strict=True)
    ]
    return apply(Pointwise(function), *ready)


def _common_dtype(function: Scalar, arguments: Sequence[TensorLike]) -> DType:
    """Return the dtype in which ``function`` computes."""
    typed: list[Tensor] = []
    scalars: list[type] = []
    for argument, kind in zip(arguments, function.kinds, strict=True):
        if kind == "b":
            continue
        if type(argument) in (bool, int, float):
            scalars.append(type(argument))
        else:
            typed.append(as_tensor(argument))
    dtype = promote_tensors(typed) if typed else np.dtype(bool)
    for scalar in scalars:
        dtype = promote_scalar(dtype, scalar)
    return promote(dtype, np.dtype("float32")) if "f" in function.kinds else dtype


def promote_tensors(tensors: Sequence[Tensor]) -> DType:
    """Return the common dtype, in which tensors without axes only lift the category."""
    leading = [t.dtype for t in tensors if t.ndim] or [t.dtype for t in tensors]
    dtype = promote(*leading)
    for tensor in tensors:
        if category(tensor.dtype) > category(dtype):
            dtype = promote(dtype, tensor.dtype)
    return dtype


def _weakened(arguments: tuple[TensorLike, ...]) -> tuple[TensorLike, ...]:
    """Return the arguments with NumPy's scalars as Python's, unless there is nothing else."""
    numbers = (bool, int, float, np.generic)
    if all(isinstance(argument, numbers) for argument in arguments):
        return arguments
    return tuple(a.item() if isinstance(a, np.generic) else a for a in arguments)


def _lift(name: str, argument: TensorLike, dtype: DType) -> Tensor:
    if type(argument) not in (bool, int, float):
        return as_tensor(argument)
    try:
        with np.errstate(over="ignore"):
            return Tensor(constant(np.asarray(argument, dtype)))
    except OverflowError as error:
        raise ArgumentError(f"{name}: the number {argument} is out of range of {dtype}") from error


def promoted(*tensors: TensorLike) -> list[Tensor]:
    """Return the tensors in their common dtype."""
    ready = [as_tensor(t) for t in tensors]
    dtype = promote(*[t.dtype for t in ready])
    return [cast(t, dtype) for t in ready]


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """Return the tensor in another dtype."""
    return tensor if tensor.dtype == dtype else apply(Cast(dtype), tensor)


def broadcast_shape(name: str, shapes: Sequence[Shape]) -> Shape:
    """Return the common shape by NumPy's rules; the error shows all shapes."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapeError(
            f"{name}: shapes {', '.join(map(str, shapes))} do not broadcast: aligned at the "
            "right, lengths must be equal or 1"
        ) from error


def broadcast(tensor: Tensor, shape: Shape) -> Tensor:
    """Repeat the tensor along new axes and axes of length 1."""
    if tensor.shape == shape:
        return tensor
    node = tensor.node
    if node.value is not None and not node.tracks:
        return Tensor(constant(np.broadcast_to(node.value, shape)))
    return apply(_broadcast(tensor.shape, shape), tensor)


@lru_cache(maxsize=4096)
def _broadcast(old: Shape, new: Shape) -> Contraction:
    loops = [Loop("ijklmnpq"[axis % 8], extent) for axis, extent in enumerate(new)]
    aligned = loops[len(new) - len(old) :]
    indices: list[Any] = [
        0 if length == 1 else loop for length, loop in zip(old, aligned, strict=True)
    ]
    return contraction(loops, (old, indices))
