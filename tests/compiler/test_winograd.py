"""Convolutions in tiles compute what others do, and only those are that it is worth it for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina import nn
from lamina.compiler import llvm
from lamina.compiler.executable import Executable
from lamina.compiler.machines import Machine, named
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.winograd import rewriting
from lamina.compiler.winograd.forms import FORMS, THREE
from lamina.compiler.winograd.operations import Joined, Tiled
from lamina.compiler.winograd.rewriting import use_winograd
from lamina.core.errors import ShapeError
from lamina.core.node import Example
from lamina.core.program import Program
from lamina.core.types import Array, Shape, Type, float32
from lamina.tensors import Tensor
from tests.compiler.interpreting import interpreted
from tests.compiler.running import check_close, check_program, in_float32, program_of

RNG = np.random.default_rng(11)
EXAMPLES = [*Tiled.examples(RNG), *Joined.examples(RNG)]
MACHINES = [named("avx512"), named("avx2"), named("neon")]
Convolution = Callable[[Tensor, Tensor], Tensor]


def arrays(shape: Shape, filters: Shape) -> tuple[Array, Array]:
    """Return images, and filters that keep the size of numbers."""
    x, w = (RNG.normal(size=s).astype(np.float32) for s in (shape, filters))
    return x, w / np.float32(np.sqrt(np.prod(filters[1:])))


def traced(function: Convolution, *operands: Array) -> Program:
    return optimise(lamina.trace(function, *operands))


def in_tiles(program: Program) -> bool:
    """Return whether a convolution of the program's second input is done in tiles."""
    return any(isinstance(n.operation, Tiled) for n in use_winograd(program, {1}).nodes)


def test_the_transforms_make_a_correlation_of_the_products() -> None:
    """The paper's formula in one dimension, F(2, 3): Aᵀ [(G g) ⊙ (Bᵀ d)]."""
    d, g = np.array([2.0, 3, 5, 7]), np.array([11.0, 13, 17])
    terms = (np.array(THREE.filters) @ g) * (np.array(THREE.inputs) @ d)
    outputs = np.array(THREE.outputs) @ terms
    assert outputs.tolist() == np.correlate(d, g).tolist() == [146.0, 217.0]


@pytest.mark.parametrize("size", FORMS)
def test_every_form_is_exact_up_to_rounding(size: int) -> None:
    form = FORMS[size]
    d, g = RNG.normal(size=(form.side, 50)), RNG.normal(size=(size, 50))
    terms = (np.array(form.filters) @ g) * (np.array(form.inputs) @ d)
    want = [(d[n : n + size] * g).sum(0) for n in range(2)]
    np.testing.assert_allclose(np.array(form.outputs) @ terms, want, atol=1e-13)


@given(
    st.sampled_from([(), (1,), (3,)]),
    st.tuples(st.integers(13, 17), st.integers(10, 13)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(sorted(FORMS)),
)
def test_tiles_compute_what_convolutions_do(
    before: Shape, size: Shape, padding: Shape, window: int
) -> None:
    x, w = arrays((*before, 64, *size), (70, 64, window, window))
    program = traced(lambda x, w: F.conv2d(x, w, padding=padding).relu(), x, w)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewriting, "GAIN", 0)  # whatever lies beyond images
        assert in_tiles(program)
        (got,), (want,) = use_winograd(program, {1}).evaluate(x, w), program.evaluate(x, w)
    check_close(got, want)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.operation))
def test_the_interpreter_agrees(example: Example, machine: Machine) -> None:
    operands = in_float32(example.operands)
    program = program_of(example.operation, operands)
    (got,) = interpreted(program, operands, machine, static=[0])  # no batch
    check_close(got, example.operation.evaluate(*operands))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.operation))
@pytest.mark.parametrize("floats", [in_float32, lambda operands: operands], ids=["f4", "f8"])
def test_native_code_gives_what_the_reference_does(
    example: Example, floats: Callable[..., tuple[Array, ...]]
) -> None:
    operands = floats(example.operands)
    check_program(program_of(example.operation, operands), operands, static=[0])  # no batch


@pytest.mark.parametrize("images", [1, 2, 3])
@pytest.mark.parametrize("size", [(13, 13), (12, 9), (11, 16)])
def test_a_residual_block_compiled(images: int, size: Shape) -> None:
    """Bias, normalisation, sum and ReLU in the kernel of outputs; its result read twice."""
    model = nn.Sequential(nn.Conv2d(3, 64, 1), _Residual(), _Residual()).eval()
    x = lamina.tensor(RNG.normal(size=(images, 3, *size)).astype(np.float32))
    compiled = lamina.compile(model)
    got = compiled(x)
    lanes = llvm.machine().lanes(4)  # along the batch, if it is long enough
    assert ("winograd_outputs" in compiled.show("loops", x)) == (2 * images < lanes)
    check_close(got.numpy(), model(x).numpy())


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        return lamina.relu(input + self.conv2(lamina.relu(self.norm(self.conv1(input)))))


def test_other_weights_make_other_factors() -> None:
    model = nn.Sequential(nn.Conv2d(64, 64, 3)).eval()
    x = lamina.tensor(RNG.normal(size=(1, 64, 14, 14)).astype(np.float32))
    compiled = lamina.compile(model)
    before = compiled(x).numpy()
    other = {name: -t for name, t in model.state_dict().items()}
    model.load_state_dict(other)
    check_close(compiled(x).numpy(), -before)


def test_what_is_not_a_number_reaches_the_outputs_that_read_it() -> None:
    """And no others but those of the same tiles."""
    model = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1)).eval()
    values = RNG.normal(size=(1, 64, 14, 14)).astype(np.float32)
    values[0, 5, 6, 7] = np.nan
    x = lamina.tensor(values)
    got, want = lamina.compile(model)(x).numpy(), model(x).numpy()
    assert np.isnan(got[np.isnan(want)]).all()
    far = np.ones((14, 14), bool)
    far[4:10, 4:10] = False
    check_close(got[..., far], want[..., far])


SMALL: dict[str, tuple[Convolution, Shape, Shape]] = {
    "stride": (lambda x, w: F.conv2d(x, w, stride=2), (64, 29, 29), (64, 64, 3, 3)),
    "dilation": (lambda x, w: F.conv2d(x, w, dilation=2), (64, 20, 20), (64, 64, 3, 3)),
    "groups": (lambda x, w: F.conv2d(x, w, groups=2), (128, 20, 20), (128, 64, 3, 3)),
    "four by four": (F.conv2d, (64, 20, 20), (64, 64, 4, 4)),
    "five by three": (F.conv2d, (64, 20, 20), (64, 64, 5, 3)),
    "three by one": (F.conv2d, (64, 20, 20), (64, 64, 3, 1)),
    "few channels": (F.conv2d, (32, 20, 20), (32, 32, 3, 3)),
    "few tiles": (F.conv2d, (256, 8, 8), (256, 256, 3, 3)),
    "one row": (F.conv2d, (64, 3, 200), (64, 64, 3, 3)),
    "some filters": (lambda x, w: F.conv2d(x, w[:64]), (64, 20, 20), (80, 64, 3, 3)),
    "some weights": (lambda x, w: F.conv2d(x, w[:, :, 1:4, :3]), (64, 20, 20), (64, 64, 5, 4)),
    "some channels": (lambda x, w: F.conv2d(x[8:72], w), (80, 20, 20), (64, 64, 3, 3)),
    "one of images": (lambda x, w: F.conv2d(x[:1], w)[0], (2, 64, 20, 20), (64, 64, 3, 3)),
    "some images": (lambda x, w: F.conv2d(x[:2], w), (3, 64, 20, 20), (64, 64, 3, 3)),
    "turned in part": (lambda x, w: F.conv2d(x, w.transpose(0, 1)), (64, 20, 20), (64, 64, 3, 3)),
}


@pytest.mark.parametrize("name", SMALL)
def test_others_stay_as_they_are(name: str) -> None:
    function, shape, filters = SMALL[name]
    program = traced(function, *arrays(shape, filters))
    assert use_winograd(program, {1}) is program


@pytest.mark.parametrize(
    "name", ["some filters", "some weights", "some channels", "some images", "one of images"]
)
def test_what_is_cut_out_is_compiled_as_before(name: str) -> None:
    function, shape, filters = SMALL[name]
    x, w = arrays(shape, filters)
    program = lamina.trace(function, x, w)
    (want,) = program.evaluate(x, w)
    (got,) = Executable(program, static=[1])(x, w)
    check_close(got, want)


@pytest.mark.parametrize("padding", [0, 1])
def test_a_part_of_an_image(padding: int) -> None:
    x, w = arrays((64, 24, 20), (64, 64, 3, 3))
    program = traced(lambda x, w: F.conv2d(x[:, 3:19, 2:], w, padding=padding), x, w)
    assert in_tiles(program)
    (got,), (want,) = use_winograd(program, {1}).evaluate(x, w), program.evaluate(x, w)
    check_close(got, want)


def test_only_weights_that_stay_are_transformed() -> None:
    x, w = arrays((64, 20, 20), (64, 64, 3, 3))
    program = traced(F.conv2d, x, w)
    assert in_tiles(program)
    assert use_winograd(program, ()) is program


def test_doubles_stay_as_they_are() -> None:
    x, w = (a.astype(np.float64) for a in arrays((64, 20, 20), (64, 64, 3, 3)))
    assert not in_tiles(traced(F.conv2d, x, w))


def test_errors_name_the_operation_and_the_shapes() -> None:
    with pytest.raises(ShapeError, match=r"winograd_tiles: expected images \[N, C, H, W\].*\(1, 4"):
        Tiled((1, 4), (0, 0)).infer(Type((3, 4, 4), float32))
    with pytest.raises(ShapeError, match=r"winograd_outputs: expected products \(16, 3, 4\)"):
        Joined((3, 4, 4)).infer(Type((16, 3, 5), float32))
