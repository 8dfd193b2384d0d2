"""Normalisations and soft maxima."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, Options, Shape, options
from tests.torch_reference.cases.grid import combinations
from tests.torch_reference.data import Input

IMAGES: list[Shape] = [(4, 3), (3, 4, 5), (2, 3, 4, 3), (2, 4, 2, 3, 2), (5, 2, 1, 1)]


def cases() -> Iterator[FunctionCase]:
    """All normalisation cases."""
    yield from _batch()
    yield from _layer()
    yield from _instance()
    yield from _group()
    yield from _local()
    yield from _soft()
    yield from _unit()


def _case(name: str, inputs: tuple[Input, ...], *args: Any, **keywords: Any) -> FunctionCase:
    return FunctionCase("normalisation", name, inputs, args, options(**keywords))


def _affine(shape: Shape) -> tuple[Input, ...]:
    return Input(shape, keyword="weight"), Input(shape, keyword="bias")


def _statistics(channels: int) -> tuple[Input, ...]:
    mean = Input((channels,), differentiable=False)
    return mean, Input((channels,), low=0.5, high=2.0, differentiable=False)


def _batch() -> Iterator[FunctionCase]:
    for shape in IMAGES:
        channels = shape[1]
        for affine, extra in combinations_of_options(eps=1e-3):
            inputs = (Input(shape), *_statistics(channels))
            inputs += _affine((channels,)) if affine else ()
            yield FunctionCase("normalisation", "batch_norm", inputs, kwargs=extra)
        training = (Input(shape), *_affine((channels,)))
        missing = options(running_mean=None, running_var=None, training=True)
        yield FunctionCase("normalisation", "batch_norm", training, kwargs=missing)
    empty = (Input((0, 3, 4)), *_statistics(3), *_affine((3,)))
    yield _case("batch_norm", empty)


def combinations_of_options(**keywords: Any) -> list[tuple[bool, Options]]:
    """With and without an affine map, with default and other options."""
    return [(affine, extra) for affine in (True, False) for extra in ((), options(**keywords))]


def _layer() -> Iterator[FunctionCase]:
    for shape in [(4,), (2, 5), (2, 3, 4), (2, 3, 2, 3), (0, 4), (3, 1)]:
        for axes in range(1, min(len(shape), 3) + 1):
            normalised = shape[len(shape) - axes :]
            if 0 in normalised:
                continue
            for affine, extra in combinations_of_options(eps=1e-2):
                inputs = (Input(shape), *(_affine(normalised) if affine else ()))
                yield FunctionCase("normalisation", "layer_norm", inputs, (normalised,), extra)
                scale = (Input(normalised, keyword="weight"),) if affine else ()
                rms = (Input(shape), *scale)
                yield FunctionCase("normalisation", "rms_norm", rms, (normalised,), extra)


def _instance() -> Iterator[FunctionCase]:
    for shape in [(3, 4, 5), (2, 3, 4, 3), (2, 4, 2, 3, 2), (0, 3, 4)]:
        for affine, extra in combinations_of_options(eps=1e-2):
            channels = (shape[1],)
            if affine and shape[0] == 0:
                continue  # PyTorch fails there
            inputs = (Input(shape), *(_affine(channels) if affine else ()))
            yield FunctionCase("normalisation", "instance_norm", inputs, kwargs=extra)
        running = (Input(shape), *_statistics(shape[1]))
        yield _case("instance_norm", running, use_input_stats=False)


def _group() -> Iterator[FunctionCase]:
    for shape in [(2, 4), (3, 4, 5), (2, 6, 3, 4), (2, 4, 2, 2, 3), (0, 4, 3), (2, 4, 1, 1)]:
        for groups in [each for each in (1, 2, 3, shape[1]) if shape[1] % each == 0]:
            for affine, extra in combinations_of_options(eps=1e-2):
                if shape[1] // groups * (shape[2:] != (1, 1)) * len(shape[2:]) == 0:
                    continue
                inputs = (Input(shape), *(_affine((shape[1],)) if affine else ()))
                yield FunctionCase("normalisation", "group_norm", inputs, (groups,), extra)


def _local() -> Iterator[FunctionCase]:
    for shape in [(2, 5, 4), (2, 6, 3, 4), (1, 4, 2, 3, 2), (5, 4, 3), (0, 5, 4)]:
        for size in (1, 2, 3, 5):
            yield _case("local_response_norm", (Input(shape),), size)
            paper = {"alpha": 0.3, "beta": 0.5, "k": 2.0}
            yield _case("local_response_norm", (Input(shape),), size, **paper)


def _soft() -> Iterator[FunctionCase]:
    for choice in combinations(
        name=["softmax", "log_softmax", "softmin", "logsumexp"],
        shape=[(5,), (3, 4), (2, 3, 4), (0, 4), (2, 1)],
        low=[-2.0, -300.0],
    ):
        shape = choice["shape"]
        for dim in range(-1, len(shape)):
            if shape[dim]:
                image = Input(shape, low=choice["low"], high=-choice["low"])
                yield _case(choice["name"], (image,), dim=dim)
    for shape in [(2, 3, 4), (3,)]:
        yield _case("logsumexp", (Input(shape),), dim=-1, keepdim=True)
    yield _case("logsumexp", (Input((2, 3, 4)),), dim=(0, 2))


def _unit() -> Iterator[FunctionCase]:
    for shape in [(4,), (3, 4), (2, 3, 4), (0, 3)]:
        for dim, power in [(-1, {}), (0, {}), (-1, {"p": 1.0}), (-1, {"p": 3.0})]:
            if shape[dim]:
                yield _case("normalize", (Input(shape),), **power, dim=dim)
