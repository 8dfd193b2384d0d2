"""All compared cases."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from tests.torch_reference.case import Case, FunctionCase
from tests.torch_reference.cases import (
    activations,
    convolution,
    initialisers,
    layers,
    linear,
    loss_layers,
    losses,
    normalisation,
    optimisers,
    padding,
    pointwise,
    pooling,
    schedules,
    selection,
    tensors,
)

FUNCTIONS = (
    linear,
    convolution,
    pooling,
    padding,
    normalisation,
    activations,
    pointwise,
    losses,
    tensors,
    selection,
)
OTHERS = (layers, loss_layers, optimisers, schedules, initialisers)


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case once, in a fixed order."""
    return tuple({case.id: case for case in _generated()}.values())


@cache
def groups() -> dict[str, tuple[Case, ...]]:
    """The cases by "family/name"."""
    found: dict[str, list[Case]] = {}
    for case in all_cases():
        found.setdefault(f"{case.family}/{case.name}", []).append(case)
    return {group: tuple(members) for group, members in found.items()}


def _generated() -> Iterator[Case]:
    for family in FUNCTIONS:
        generated = list(family.cases())
        yield from generated
        yield from _single_precision(generated)
    for other in OTHERS:
        yield from other.cases()


def _single_precision(generated: list[FunctionCase]) -> Iterator[FunctionCase]:
    """One float32 case for each function that has a case with elements to compare."""
    seen: set[str] = set()
    for case in generated:
        ordinary = all(0 not in each.shape and each.kind != "values" for each in case.inputs)
        if case.inputs and ordinary and case.name not in seen:
            seen.add(case.name)
            yield replace(case, dtype="float32")
