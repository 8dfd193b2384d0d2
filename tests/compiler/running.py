"""Programs on both engines, and what their results must have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.compiler.executable import Executable
from lamina.core.node import Operation, apply, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.tensors import trace

CLOSE = {"float64": (1e-11, 1e-11), "float32": (2e-5, 2e-5)}


def program_of(operation: Operation, operands: Sequence[Array]) -> Program:
    """Return the program that applies one operation."""
    inputs = tuple(placeholder(Type(a.shape, a.dtype)) for a in operands)
    return Program(inputs, (apply(operation, *inputs),))


def together(programs: Sequence[Program]) -> Program:
    """Return one program that does what all of them do: one piece of native code."""
    inputs = tuple(node for p in programs for node in p.inputs)
    return Program(inputs, tuple(node for p in programs for node in p.outputs))


def in_float32(operands: Sequence[Array]) -> tuple[Array, ...]:
    """Return the operands with their floats in float32."""
    return tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in operands)


def check_equal(got: Array, want: Array) -> None:
    """The arrays have the same type and elements, and NaN in the same places."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(got, want)


def check_close(got: Array, want: Array, scale: float = 1.0) -> None:
    """The arrays have the same type, and floats are equal but for rounding."""
    if want.dtype.kind != "f":
        check_equal(got, want)
        return
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    relative, absolute = CLOSE[str(want.dtype)]
    np.testing.assert_allclose(got, want, rtol=relative * scale, atol=absolute * scale)


def check_program(
    program: Program,
    operands: Sequence[Array],
    check: Callable[[Array, Array], None] = check_close,
    static: Sequence[int] = (),
) -> Executable:
    """The program's native code gives what the reference does, twice."""
    executable = Executable(program, static=static)
    wanted = program.evaluate(*operands)
    for got in (executable(*operands), executable(*operands)):
        for one, want in zip(got, wanted, strict=True):
            check(one, want)
    return executable


def check_function(function: Callable[..., Any], *arguments: Array, scale: float = 1.0) -> None:
    """The traced function's native code gives what the reference does."""
    program = trace(function, *arguments)
    check_program(program, arguments, lambda got, want: check_close(got, want, scale))
