"""Convolutions of batches in tiles, and what their filters learn, compute what others do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina import nn, optim
from lamina.compiler.arranging import arranged
from lamina.compiler.executable import Executable
from lamina.compiler.machines import Machine, named
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.winograd import rewriting
from lamina.compiler.winograd.gradients import Correlated, FilterGradient
from lamina.compiler.winograd.operations import Convolved, Factors, RowSums
from lamina.core.errors import ShapeError
from lamina.core.node import Example
from lamina.core.program import Program
from lamina.core.types import Array, Shape, Type, float32
from lamina.tensors import Tensor
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep
from tests.compiler.interpreting import interpreted
from tests.compiler.running import check_close, check_program, in_float32, program_of

RNG = np.random.default_rng(12)
EXAMPLES = [
    *Factors.examples(RNG),
    *Convolved.examples(RNG),
    *Correlated.examples(RNG),
    *FilterGradient.examples(RNG),
    *RowSums.examples(RNG),
]
MACHINES = [named("avx512"), named("avx2"), named("neon")]
AVX512 = named("avx512")
FILTERS = 1
"""The number of the programs' input that holds the filters."""


def numbers(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def filters(out: int, given: int, size: int = 3) -> Array:
    """Return filters that keep the size of numbers."""
    return numbers(out, given, size, size) / np.float32(size * np.sqrt(given))


def learned(padding: int | Shape = 1) -> Callable[..., tuple[Tensor, ...]]:
    """Return a function of images, filters and error terms: outputs and both gradients."""

    def function(x: Tensor, w: Tensor, errors: Tensor) -> tuple[Tensor, ...]:
        def loss(x: Tensor, w: Tensor) -> Tensor:
            return (F.conv2d(x, w, padding=padding) * errors).sum()

        dx, dw = lamina.grad(loss, (0, 1))(x, w)
        return F.conv2d(x, w, padding=padding).relu(), dx, dw

    return function


def task(samples: int, channels: tuple[int, int], size: Shape, padding: Shape) -> tuple[Array, ...]:
    """Return images, filters and error terms."""
    given, out = channels
    outputs = [n + 2 * p - 2 for n, p in zip(size, padding, strict=True)]
    scale = np.float32(1 / np.sqrt(samples * np.prod(outputs)))
    errors = numbers(samples, out, *outputs) * scale
    return numbers(samples, given, *size), filters(out, given), errors


def kinds(program: Program, machine: Machine) -> list[str]:
    """Return which operations on tiles the program has on a machine."""
    found, _ = arranged(program, machine, {FILTERS}, ())
    return [n.operation.name for n in found.nodes if n.value is None and "wino" in n.operation.name]


WHOLE = ["winograd_factors", "winograd_convolution"]
GRADIENT = ["winograd_gradient", "winograd_filters"]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.operation))
def test_the_interpreter_agrees(example: Example, machine: Machine) -> None:
    operands = in_float32(example.operands)
    program = program_of(example.operation, operands)
    (got,) = interpreted(program, operands, machine, static=[0] * (len(operands[0].shape) < 4))
    check_close(got, example.operation.evaluate(*operands), scale=5)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.operation))
def test_native_code_gives_what_the_reference_does(example: Example) -> None:
    operands = in_float32(example.operands)
    program = program_of(example.operation, operands)
    check_program(
        program,
        operands,
        lambda got, want: check_close(got, want, scale=5),
        static=[0] * (len(operands[0].shape) < 4),
    )


@settings(max_examples=15)
@given(
    st.sampled_from([32, 48, 64, 96]),
    st.tuples(st.sampled_from([16, 32, 48]), st.sampled_from([8, 16, 20, 36])),
    st.tuples(st.integers(9, 13), st.integers(9, 13)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_outputs_and_both_gradients(
    samples: int, channels: tuple[int, int], size: Shape, padding: Shape
) -> None:
    given = task(samples, channels, size, padding)
    program = lamina.trace(learned(padding), *given)
    wanted = program.evaluate(*given)
    for got, want in zip(Executable(program, static=[FILTERS])(*given), wanted, strict=True):
        check_close(got, want, scale=5)


@pytest.mark.parametrize(
    ("name", "samples"), [("avx512", 16), ("avx512", 64), ("avx2", 32), ("neon", 32)]
)
def test_in_blocks_of_images_and_without(
    name: str, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the interpreter, which is slow: of small images, which are else not worth it."""
    for limit in ("GAIN", "FEWEST_FACTORED", "FEWEST_SUMMED"):
        monkeypatch.setattr(rewriting, limit, 0)
    machine, given = named(name), task(samples, (16, 8), (2, 4), (1, 1))
    program = optimise(lamina.trace(learned(), *given))
    assert sorted(kinds(program, machine)) == sorted([*WHOLE, *WHOLE, *GRADIENT])
    for got, want in zip(
        interpreted(program, given, machine, static=[FILTERS]),
        program.evaluate(*given),
        strict=True,
    ):
        check_close(got, want, scale=5)


@settings(max_examples=10)
@given(
    st.sampled_from([32, 48, 64]),
    st.tuples(st.integers(6, 9), st.sampled_from([8, 10, 12, 20])),
    st.tuples(st.integers(12, 15), st.integers(12, 15)),
    st.tuples(st.integers(0, 3), st.integers(0, 2)),
)
def test_five_by_five(samples: int, channels: tuple[int, int], size: Shape, padding: Shape) -> None:
    given, out = channels
    x, w = numbers(samples, given, *size), filters(out, given, 5)
    program = lamina.trace(lambda x, w: F.conv2d(x, w, padding=padding).tanh(), x, w)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewriting, "GAIN", 0)  # whatever lies beyond images
        assert kinds(optimise(program), AVX512) == WHOLE
        (got,), (want,) = Executable(program, static=[FILTERS])(x, w), program.evaluate(x, w)
    check_close(got, want, scale=5)


def test_products_beyond_images_are_not_counted_as_saved() -> None:
    """The error terms of LeNet's second convolution read more zeros than errors."""
    x, w, errors = numbers(32, 6, 14, 14), filters(16, 6, 5), numbers(32, 16, 10, 10)
    program = optimise(lamina.trace(learned(0), x, w, errors))
    assert kinds(program, AVX512) == WHOLE


def convolution(samples: int, given: int, out: int, size: int = 3, **options: object) -> Program:
    x, w = numbers(samples, given, 9, 9), filters(out, given, size)
    return optimise(lamina.trace(lambda x, w: F.conv2d(x, w, **options), x, w))  # type: ignore[arg-type]


def test_convolutions_with_channels_enough_are_done_in_tiles() -> None:
    assert kinds(convolution(32, 16, 16), AVX512) == WHOLE
    assert kinds(convolution(48, 20, 20, padding=1), AVX512) == WHOLE


@pytest.mark.parametrize(
    "program",
    [
        convolution(33, 16, 16),  # vectors would not be filled
        convolution(32, 3, 16),  # transforms would take longer than products
        convolution(32, 1, 6, 5),
        convolution(32, 16, 17),  # no tile of sums has so many rows
        convolution(32, 256, 256),  # factors would not stay in a cache
        convolution(32, 1024, 64),  # terms would not fit
        convolution(32, 16, 16, stride=2),
        convolution(32, 16, 16, dilation=2),
    ],
    ids=["samples", "channels", "channel", "filters", "factors", "memory", "stride", "dilation"],
)
def test_others_stay_as_they_are(program: Program) -> None:
    assert kinds(program, AVX512) == []


def test_doubles_stay_as_they_are() -> None:
    x, w = numbers(32, 16, 9, 9).astype(np.float64), filters(16, 16).astype(np.float64)
    assert kinds(optimise(lamina.trace(F.conv2d, x, w)), AVX512) == []


def test_a_transposed_convolution_is_one_of_filters_turned_round() -> None:
    x, w = numbers(32, 16, 7, 6), filters(16, 24)
    program = optimise(lamina.trace(lambda x, w: F.conv_transpose2d(x, w, padding=1), x, w))
    assert kinds(program, AVX512) == WHOLE
    (got,) = Executable(program, static=[FILTERS])(x, w)
    check_close(got, program.evaluate(x, w)[0])


def normalised(x: Tensor, w: Tensor) -> Tensor:
    """A convolution, less its mean in each channel, by its deviation."""
    y = F.conv2d(x, w, padding=1)
    y = y - y.mean((0, 2, 3), keepdim=True)
    return (y / (y * y).mean((0, 2, 3), keepdim=True).sqrt()).relu()


@pytest.mark.parametrize("samples", [32, 64])
def test_sums_of_outputs_are_added_up_by_the_convolution(samples: int) -> None:
    """The mean's, and not the variance's, which needs the mean first."""
    x, w = numbers(samples, 16, 8, 7), filters(16, 16)
    program = lamina.trace(normalised, x, w)
    assert kinds(optimise(program), AVX512) == [*WHOLE, "winograd_sums"]
    executable = Executable(program, static=[FILTERS])
    names = {kernel.name.rpartition("_")[0]: kernel.written for kernel in executable.plan.kernels}
    assert names["winograd_convolution"] == 2
    assert "winograd_sums" not in names
    check_close(executable(x, w)[0], program.evaluate(x, w)[0], scale=5)


def test_sums_of_odd_images_are_not() -> None:
    program = optimise(lamina.trace(normalised, numbers(32, 16, 9, 8), filters(16, 16)))
    assert kinds(program, AVX512) == WHOLE


def test_sums_of_what_is_not_kept_are_not() -> None:
    """What they read beside would come late."""

    def function(x: Tensor, w: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        y = F.conv2d(x, w, padding=1)
        return y, (y * other).sum((0, 2, 3))

    given = numbers(32, 16, 6, 6), filters(16, 16), numbers(32, 16, 6, 6)
    assert kinds(optimise(lamina.trace(function, *given)), AVX512) == WHOLE


def test_a_step_with_normalisations_is_that_of_the_dynamic_graph() -> None:
    """Sums beside outputs and beside error terms; as many samples as parts of a gradient."""
    given = numbers(16, 16, 32, 4), lamina.tensor(RNG.integers(0, 4, 16))
    losses = {}
    for compiled in (True, False):
        model, step = _network()
        run = CompiledStep(step) if compiled else step
        key = lamina.random.key(0)
        losses[compiled] = [run(lamina.tensor(given[0]), given[1], key).loss.item() for _ in "1234"]
        losses[compiled] += [float(p.numpy().sum()) for p in model.parameters()]
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-4, atol=1e-4)


def _network() -> tuple[nn.Module, TrainingStep]:
    lamina.manual_seed(3)
    layers = [
        *(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)),
    ]
    model = nn.Sequential(*layers)
    optimiser = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, TrainingStep(model, Objective(resolve("cross_entropy")), optimiser)


@pytest.mark.parametrize("size", [3, 5])
def test_errors_are_as_small_as_those_of_sums_in_float32(size: int) -> None:
    """Against float64, beside NumPy's float32."""
    x, w, errors = task(32, (64, 64), (12, 12), (1, 1))
    given = (x, w, errors) if size == 3 else (x, filters(64, 64, 5), errors[..., :10, :10])
    program = lamina.trace(learned(), *given)
    exact = lamina.trace(learned(), *(a.astype(np.float64) for a in given))
    wanted = exact.evaluate(*(a.astype(np.float64) for a in given))
    got, plain = Executable(program, static=[FILTERS])(*given), program.evaluate(*given)
    for ours, theirs, want in zip(got, plain, wanted, strict=True):
        assert np.abs(ours - want).max() <= 4 * np.abs(theirs - want).max()


def test_what_is_not_a_number_reaches_the_outputs_that_read_it() -> None:
    """And no other samples, and nothing far away."""
    x, w = numbers(32, 16, 12, 12), filters(16, 16)
    x[3, 5, 6, 7] = np.nan
    program = lamina.trace(lambda x, w: F.conv2d(x, w, padding=1), x, w)
    (want,), (got,) = program.evaluate(x, w), Executable(program, static=[FILTERS])(x, w)
    assert np.isnan(got[np.isnan(want)]).all()
    far = np.ones((12, 12), bool)
    far[4:10, 4:10] = False
    check_close(got[..., far], want[..., far])
    check_close(np.delete(got, 3, 0), np.delete(want, 3, 0))


def test_errors_name_the_operation_and_the_shapes() -> None:
    images = Type((32, 3, 4, 4), float32)
    with pytest.raises(ShapeError, match=r"winograd_factors: expected filters \[O, C, 3, 3\]"):
        Factors().infer(Type((4, 4, 3, 2), float32))
    with pytest.raises(
        ShapeError, match=r"winograd_convolution: expected factors \[16 or 36, O, C\]"
    ):
        Convolved((4, 4), (-1, -1)).infer(Type((16, 4, 4), float32), images)
    with pytest.raises(ShapeError, match=r"winograd_gradient: expected images \[N, C, H, W\]"):
        Correlated((-1, -1), 1).infer(images, Type((16, 4, 4, 4), float32))
    with pytest.raises(ShapeError, match=r"winograd_filters: expected gradients of factors"):
        FilterGradient().infer(Type((15, 4, 4), float32))
