"""The training step can be traced: nothing in it looks at a value."""

from typing import Any
from weakref import ref

import numpy as np
from tests.train.toy import X, Y, network

import lamina
from lamina import nn, optim
from lamina.core.node import constant
from lamina.tensors import Tensor
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep

BATCH = (X[:8], Y[:8])
KEY = np.array([7, 9], np.uint32)


def make() -> tuple[nn.Module, optim.Optimizer, TrainingStep]:
    model = network().train()
    optimiser = optim.Adam(model.parameters(), lr=0.1)
    objective = Objective(resolve("cross_entropy"), lambda m: 0.01 * (m[0].weight ** 2).sum())
    return model, optimiser, TrainingStep(model, objective, optimiser, clip_norm=0.5)


def handles(model: nn.Module, optimiser: optim.Optimizer) -> list[Tensor]:
    """Everything that a step changes."""
    slots = [slot for state in optimiser.state.values() for slot in state.values()]
    return [*model.parameters(), *model.buffers(), *slots]


def values(model: nn.Module, optimiser: optim.Optimizer) -> list[np.ndarray[Any, Any]]:
    return [np.array(handle) for handle in handles(model, optimiser)]


def test_a_traced_step_computes_what_the_step_does() -> None:
    model, optimiser, step = make()
    step(*map(lamina.tensor, BATCH), lamina.tensor(KEY))  # so that the optimiser has its state
    before = values(model, optimiser)

    def traced(state: list[Tensor], inputs: Tensor, targets: Tensor, key: Tensor) -> Any:
        given = iter(state)
        for handle in (*model.parameters(), *model.buffers()):
            handle.node = _tracked(next(given), handle)
        for slots in optimiser.state.values():
            slots.update({name: next(given) for name in slots})
        result = step(inputs, targets, key)
        return [*result, *(Tensor(h.node) for h in handles(model, optimiser))]

    program = lamina.trace(traced, before, *BATCH, KEY)
    found = program.evaluate(*before, *BATCH, KEY)

    model, optimiser, step = make()
    batch = [*map(lamina.tensor, BATCH), lamina.tensor(KEY)]
    step(*batch)
    result = step(*batch)
    expected = [np.array(result.loss), np.array(result.outputs), *values(model, optimiser)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def _tracked(given: Tensor, handle: Tensor) -> Any:
    """The traced node, as a variable that ``.backward()`` reaches if the handle was one."""
    if handle.requires_grad:
        given.node.tracks = handle.node.tracks
        given.node.handle = ref(handle)
    return given.node


def test_the_key_alone_decides_the_dropout() -> None:
    losses = []
    for key in (KEY, KEY, KEY + 1):
        _, _, step = make()
        lamina.manual_seed(len(losses))
        losses.append(step(*map(lamina.tensor, BATCH), Tensor(constant(key))).loss.item())
    assert losses[0] == losses[1] != losses[2]
