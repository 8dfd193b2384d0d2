"""Layers with their backward passes, and optimisers' steps, as native programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np

from lamina import nn
from lamina.autodiff.levels import TAPE
from lamina.core.program import Program
from lamina.tensors import Tensor, trace
from tests.torch_reference.answer import Answer
from tests.torch_reference.case import LayerCase, OptimiserCase
from tests.torch_reference.data import Array
from tests.torch_reference.lamina_side import LaminaSide
from tests.torch_reference.side import solve

Names = tuple[str, ...]


class Listening(LaminaSide):
    """Answers as ever, and keeps the arrays that tensors are made of, in their order."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []

    def tensor(self, array: Array, requires_grad: bool = False) -> Any:
        self.arrays.append(np.array(array, order="C"))
        return super().tensor(array, requires_grad)

    def parameter(self, array: Array) -> Any:
        return nn.Parameter(self.tensor(array))


class Tracing(LaminaSide):
    """Makes tensors of a program's inputs, in their order; its answers are the program's."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.inputs = iter(inputs)

    def tensor(self, array: Array, requires_grad: bool = False) -> Any:
        made = super().tensor(array, requires_grad)
        put(made, next(self.inputs))
        return made

    def parameter(self, array: Array) -> Any:
        made = super().parameter(array)
        put(made, next(self.inputs))
        return made

    def layer(self, name: str, kwargs: dict[str, Any], dtype: str) -> Any:
        """Return a layer that takes over traced tensors where others are copied."""
        module = super().layer(name, kwargs, dtype)

        def load(state: dict[str, Tensor]) -> None:
            for key, handle in (*module.named_parameters(), *module.named_buffers()):
                put(handle, state[key])

        object.__setattr__(module, "load_state_dict", load)
        return module

    def array(self, tensor: Any) -> Any:
        return Tensor(tensor.node).detach() if isinstance(tensor, Tensor) else np.array(tensor)


def put(handle: Tensor, value: Tensor) -> None:
    """Let a tensor stand for a program's input, as a leaf if it asks for its gradient."""
    wants_gradient = handle.requires_grad
    handle.node = value.node
    if wants_gradient:
        handle.node.tracks = TAPE
        handle.node.handle = ref(handle)


def program_of(case: LayerCase | OptimiserCase) -> tuple[Program, tuple[Array, ...], Names, Answer]:
    """Return the case as a program, its arguments, what its outputs answer, and all answers."""
    listening = Listening()
    with listening.quiet():
        plain = solve(case, listening)
    names: list[str] = []

    def whole(*inputs: Tensor) -> list[Tensor]:
        found = {n: a for n, a in solve(case, Tracing(inputs)).items() if isinstance(a, Tensor)}
        names.extend(found)
        return list(found.values())

    with listening.quiet():
        program = trace(whole, *listening.arrays)
    rest = {name: array for name, array in plain.items() if name not in names}
    known = [
        name.startswith("shape") or bool(np.isnan(array).all()) for name, array in rest.items()
    ]
    assert all(known), f"{case.id}: not everything is computed by the program: {list(rest)}"
    return program, tuple(listening.arrays), tuple(names), plain
