"""All passes together: golden texts of training steps, exactness, and wrong passes caught.

``python -m tests.compiler.passes.test_pipeline`` writes the texts anew: read what changed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.compiler.passes.compose_views import compose_reads
from lamina.compiler.passes.drop_unit_axes import drop_unit_axes
from lamina.compiler.passes.eliminate_common import eliminate_common
from lamina.compiler.passes.fuse_pointwise import fuse_pointwise
from lamina.compiler.passes.pipeline import PASSES, Pass, optimise
from lamina.compiler.passes.rewriting import Operands, rebuilt, rewrite
from lamina.compiler.passes.share_relu import DERIVATIVE, RELU, share_relu
from lamina.compiler.passes.simplify import remove_identities
from lamina.core.errors import GraphError
from lamina.core.node import Node, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type, bool_, float64
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Scalar
from tests.compiler.passes import networks

GOLDEN = Path(__file__).parent / "golden"
STEPS = {"mlp": networks.mlp_step, "convolution": networks.convolution_step}


@pytest.mark.parametrize("name", STEPS)
def test_golden_training_step(name: str) -> None:
    assert str(optimise(STEPS[name]())) + "\n" == (GOLDEN / f"{name}.txt").read_text("utf-8")


def write_golden_texts() -> None:
    for name, step in STEPS.items():
        (GOLDEN / f"{name}.txt").write_text(f"{optimise(step())}\n", "utf-8")


@pytest.mark.parametrize("name", STEPS)
def test_a_training_step_computes_the_same(name: str) -> None:
    program = STEPS[name]()
    rng = np.random.default_rng(2)
    arguments = [rng.normal(size=node.shape).astype("float32") for node in program.inputs]
    arguments[-1] = rng.integers(0, 2, program.inputs[-1].shape)
    result = optimise(program)
    for found, expected in zip(
        result.evaluate(*arguments), program.evaluate(*arguments), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert optimise(result) is result


def test_inputs_outputs_and_frames_stay() -> None:
    program = networks.mlp_step()
    result = optimise(program)
    assert result.inputs == program.inputs
    assert [n.type for n in result.outputs] == [n.type for n in program.outputs]
    paths = {node.frame.path for node in result.nodes if node.frame}
    assert {"0.linear", "2.linear.grad", "cross_entropy.log_softmax"} <= paths
    serials = {id(node): node.serial for node in result.nodes}
    assert all(serials[id(o)] < node.serial for node in result.nodes for o in node.operands)


# Exactness ---------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, 5e-324, np.inf, -np.inf, np.nan])
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, np.inf, np.nan)
FUNCTIONS = (
    *(scalars.add, scalars.subtract, scalars.multiply, scalars.divide, scalars.maximum),
    *(scalars.negative, scalars.relu, scalars.absolute, scalars.where, scalars.less),
    *(scalars.logical_and, scalars.logical_not, scalars.equal, DERIVATIVE.function),
)
EXACT = (remove_identities, share_relu, drop_unit_axes, eliminate_common, fuse_pointwise)


@st.composite
def formulas(draw: st.DrawFn) -> Program:
    """Draw a graph of pointwise functions of two arrays, in shapes that repeat."""
    shape = draw(st.sampled_from(((64,), (64, 1))))
    inputs = tuple(placeholder(Type(shape, float64), name) for name in "xy")
    nodes = list(inputs)
    for _ in range(draw(st.integers(1, 12))):
        number = draw(st.sampled_from(CONSTANTS))
        nodes.append(constant(np.broadcast_to(np.asarray(number), shape)))
        function = draw(st.sampled_from(FUNCTIONS))
        operands = [_operand(draw, nodes, kind) for kind in function.kinds]
        if None not in operands:
            chosen = tuple(o for o in operands if o is not None)
            if len({o.dtype for o in chosen if o.dtype != bool_}) <= 1:
                nodes.append(_pointwise(function, chosen) or nodes[0])
    made = [node for node in nodes if node.operands] or nodes
    return Program(inputs, (*draw(st.lists(st.sampled_from(made), max_size=2)), made[-1]))


def _operand(draw: st.DrawFn, nodes: list[Node], kind: str) -> Node | None:
    fitting = [n for n in nodes if kind == "a" or (n.dtype == bool_) == (kind == "b")]
    return draw(st.sampled_from(fitting)) if fitting else None


def _pointwise(function: Scalar, operands: Operands) -> Node | None:
    if function.kinds.endswith("aa") and len({o.dtype for o in operands[-2:]}) > 1:
        return None
    operation = Pointwise(function)
    return Node(operation, operands, operation.infer(*[o.type for o in operands]), None)


def bits(array: Array) -> Array:
    """The array's bits, with every NaN the same."""
    if array.dtype == bool_:
        return array
    return np.where(np.isnan(array), np.float64(np.nan), array).view(np.int64)


@pytest.mark.parametrize("transform", [*EXACT, optimise], ids=lambda p: p.__name__)
@given(program=formulas())
def test_zeros_infinities_and_nans_keep_every_bit(transform: Pass, program: Program) -> None:
    shape = program.inputs[0].shape
    x, y = (a.reshape(shape) for a in np.meshgrid(SPECIAL, SPECIAL))
    expected = program.evaluate(x, y)
    for found, before in zip(transform(program).evaluate(x, y), expected, strict=True):
        np.testing.assert_array_equal(bits(found), bits(before))


# Checks ------------------------------------------------------------------------------------------


def replacing(change: Callable[[Node, Operands], Node | None]) -> Pass:
    def wrong(program: Program) -> Program:
        return rewrite(program, lambda n, o: change(n, o) or rebuilt(n, o))

    return wrong


def _another_type(node: Node, operands: Operands) -> Node | None:
    return Node(node.operation, operands, Type((7,), float64), None) if operands else None


def _another_operand(node: Node, operands: Operands) -> Node | None:
    return Node(node.operation, (operands[0],), node.type, None)


def _stranger(node: Node, operands: Operands) -> Node | None:
    return placeholder(node.type)


def _swapped_inputs(program: Program) -> Program:
    return Program(program.inputs[::-1], program.outputs, program.name)


def _fewer_outputs(program: Program) -> Program:
    return Program(program.inputs, (), program.name)


def _longer(program: Program) -> Program:
    more = tuple(Node(RELU, (node,), node.type, None) for node in program.outputs)
    return Program(program.inputs, more, program.name)


WRONG = {
    "changed the inputs of program f": _swapped_inputs,
    "changed outputs of program f: .* to \\[\\]": _fewer_outputs,
    "made program f longer: 2 to 3 nodes": _longer,
    "changed outputs of program f: .*float64": replacing(_another_type),
    "pass wrong: .*its operands do not fit": replacing(_another_operand),
    "pass wrong: .*a leaf that is neither": replacing(_stranger),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_pass_is_caught_and_named(message: str) -> None:
    program = lamina.trace(lambda x, y: (x + y) * y, lamina.ones(2), lamina.ones(2))
    program = Program(program.inputs, program.outputs, "f")
    with pytest.raises(GraphError, match=message):
        optimise(program, passes=(*PASSES[:1], WRONG[message]))


def test_a_wrong_program_is_refused_before_the_first_pass() -> None:
    wrong = Program((), (placeholder(Type((2,), float64)),))
    with pytest.raises(GraphError, match="neither an input nor a constant"):
        optimise(wrong)


def test_a_view_put_into_a_read_wrongly_is_seen() -> None:
    """The comparison that the random tests make does see a pass that ignores what a view does."""
    program = lamina.trace(lambda x, w: x.flip(0) @ w, np.ones((3, 2)), np.ones((2, 2)))

    def ignore(node: Node, operands: Operands) -> Node | None:
        return operands[0] if len(operands) == 1 and node.type == operands[0].type else None

    arguments = [np.arange(6.0).reshape(3, 2), np.ones((2, 2))]
    (expected,) = program.evaluate(*arguments)
    (right,) = compose_reads(program).evaluate(*arguments)
    (wrong,) = replacing(ignore)(program).evaluate(*arguments)
    np.testing.assert_array_equal(right, expected)
    assert (wrong != expected).any()


# Watching ----------------------------------------------------------------------------------------


def test_observing() -> None:
    seen: list[tuple[str, Program]] = []
    program = networks.mlp_step()
    result = optimise(program, lambda name, p: seen.append((name, p)))
    assert seen[0] == ("traced", program)
    assert seen[-1][1] is result
    names = [name for name, _ in seen]
    assert names[1:4] == ["remove_identities", "share_relu", "drop_unit_axes"]
    assert set(names[1:]) <= {transform.__name__ for transform in PASSES}


@pytest.mark.parametrize("setting", ["passes", "loops,passes"])
def test_printing(
    setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = lamina.trace(lambda x: (x + 1) * 2, lamina.ones(2), names=["x"])
    monkeypatch.setenv("LAMINA_DEBUG", setting)
    optimise(program)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line for line in printed.err.splitlines() if line.startswith("---")] == [
        "--- traced",
        "--- fuse_pointwise",
    ]
    assert "v1 = (x + 1) · 2" in printed.err


def test_silence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("LAMINA_DEBUG", raising=False)
    optimise(networks.mlp_step())
    assert capsys.readouterr().err == ""


def test_long_chains_need_no_recursion() -> None:
    def chain(x: lamina.Tensor) -> lamina.Tensor:
        for n in range(3000):
            x = lamina.tanh(x) if n % 2 else x.T
        return x

    result = optimise(lamina.trace(chain, lamina.ones(2, 3)))
    assert result.outputs[0].shape == (2, 3)


if __name__ == "__main__":
    write_golden_texts()
