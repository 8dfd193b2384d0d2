"""Lamina's compiled answers: many cases traced, put together, and run as one native program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.compiler.executable import Executable
from lamina.core.program import Program
from lamina.tensors import Tensor, jvp, trace, vjp
from tests.torch_reference.answer import Answer
from tests.torch_reference.case import FunctionCase, LayerCase, OptimiserCase, direction
from tests.torch_reference.compiled_steps import program_of
from tests.torch_reference.data import Array
from tests.torch_reference.lamina_side import LaminaSide
from tests.torch_reference.side import bound

CompiledCase = FunctionCase | LayerCase | OptimiserCase

TOGETHER = 24
"""Cases compiled as one program."""


@dataclass(frozen=True)
class Traced:
    """A case as a program: its arguments, and what its outputs answer."""

    case: CompiledCase
    program: Program
    arguments: tuple[Array, ...]
    names: tuple[str, ...]
    plain: Answer = field(default_factory=dict)


def answers(cases: Sequence[CompiledCase]) -> Iterator[tuple[CompiledCase, Answer | Exception]]:
    """Yield every case with its answer by native code, or with why it cannot be traced."""
    waiting: list[Traced] = []
    for case in cases:
        try:
            waiting.append(traced(case))
        except Exception as error:  # compared with the list of those that may not compile
            yield case, error
        if len(waiting) == TOGETHER:
            yield from _run(waiting)
            waiting = []
    yield from _run(waiting)


def _run(many: Sequence[Traced]) -> Iterator[tuple[CompiledCase, Answer]]:
    if not many:
        return
    inputs = tuple(node for each in many for node in each.program.inputs)
    outputs = tuple(node for each in many for node in each.program.outputs)
    found = iter(Executable(Program(inputs, outputs))(*(a for e in many for a in e.arguments)))
    for each in many:
        yield each.case, each.plain | {name: next(found) for name in each.names}


def traced(case: CompiledCase) -> Traced:
    """Return the case as a program."""
    return _function(case) if isinstance(case, FunctionCase) else Traced(case, *program_of(case))


def _function(case: FunctionCase) -> Traced:
    """Return the case's outputs, gradients and tangents as one program.

    Integer inputs are constants, as they are mostly sizes and indices that shape the program.
    """
    side = LaminaSide()
    arrays = case.arrays()
    call = bound(case, side)
    wanted = [i for i, each in enumerate(case.inputs) if each.has_gradient]
    names: list[str] = []

    def whole(*floats: Tensor) -> list[Tensor]:
        tensors = [side.tensor(array) for array in arrays]
        for i, tensor in zip(given, floats, strict=True):
            tensors[i] = tensor
        outputs = list(call(*tensors))
        names.extend(f"output {i}" for i in range(len(outputs)))
        smooth = [i for i, each in enumerate(outputs) if each.dtype.kind == "f"]
        if case.derivatives == "none" or not smooth or not wanted:
            return outputs
        return [*outputs, *_derivatives(case, call, tensors, wanted, smooth, outputs, names)]

    given = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    arguments = tuple(np.array(arrays[i], order="C") for i in given)
    with side.quiet():
        program = trace(whole, *arguments)
    return Traced(case, program, arguments, tuple(names))


def _derivatives(
    case: FunctionCase,
    call: Any,
    tensors: list[Tensor],
    wanted: list[int],
    smooth: list[int],
    outputs: list[Tensor],
    names: list[str],
) -> Iterator[Tensor]:
    side = LaminaSide()

    def restricted(*primals: Tensor) -> tuple[Tensor, ...]:
        inner = list(tensors)
        for i, primal in zip(wanted, primals, strict=True):
            inner[i] = primal
        results = call(*inner)
        return tuple(results[i] for i in smooth)

    primals = [tensors[i] for i in wanted]
    shapes = {i: np.zeros(outputs[i].shape, outputs[i].dtype) for i in smooth}
    back = [side.tensor(direction(f"{case.id} cotangent {i}", shapes[i])) for i in smooth]
    _, pull = vjp(restricted, *primals)
    names.extend(f"gradient {i}" for i in wanted)
    yield from pull(tuple(back))
    if case.derivatives == "reverse":
        return
    ahead = [direction(f"{case.id} tangent {i}", case.arrays()[i]) for i in wanted]
    _, pushed = jvp(restricted, tuple(primals), tuple(map(side.tensor, ahead)))
    names.extend(f"tangent {i}" for i in smooth)
    yield from pushed
