"""Random small programs over every registered operation, with what they evaluate to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lamina.compiler.passes.share_relu import DERIVATIVE, RELU
from lamina.core.node import Example, Node, Operation, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.ops import REGISTRY, scalars
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Alias, ArgSort, Detach, Reshape
from lamina.ops.window import WindowArgMax

EXAMPLES: list[Example] = [
    example for kind in REGISTRY for example in kind.examples(np.random.default_rng(1998))
]

# A last bit decides the result of these, and passes may change the order of a sum: so they are
# given inputs, never sums.
JUMPING_FUNCTIONS = {
    *("floor", "ceil", "round", "sign", "floor_divide", "remainder", "isnan", "isfinite"),
    *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "hardshrink"),
}
JUMPING = (ArgSort, WindowArgMax, Cast)

SMOOTH = tuple(
    Pointwise(function)
    for function in (
        *(scalars.add, scalars.subtract, scalars.multiply, scalars.maximum, scalars.divide),
        *(scalars.negative, scalars.relu, scalars.tanh, scalars.square),
    )
)
NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5)


@dataclass
class Draft:
    """A program while it is drawn: its nodes with their values."""

    draw: Any
    inputs: list[Node] = field(default_factory=list)
    arguments: list[Array] = field(default_factory=list)
    leaves: list[tuple[Node, Array]] = field(default_factory=list)
    nodes: list[tuple[Node, Array]] = field(default_factory=list)

    def leaf(self, value: Array) -> tuple[Node, Array]:
        """Add an input, or sometimes a constant."""
        if self.draw(st.integers(0, 3)) == 0:
            self.leaves.append((constant(value), value))
            return self.leaves[-1]
        self.inputs.append(placeholder(Type(value.shape, value.dtype)))
        self.arguments.append(value)
        self.leaves.append((self.inputs[-1], value))
        return self.leaves[-1]

    def add(self, operation: Operation, operands: list[tuple[Node, Array]]) -> None:
        """Add a node if its value is finite and of moderate size."""
        with np.errstate(all="ignore"):
            value = operation.evaluate(*[array for _, array in operands])
        if value.dtype.kind == "f" and not (np.abs(value) < 1e4).all():
            return
        type_ = operation.infer(*[node.type for node, _ in operands])
        made = Node(operation, tuple(node for node, _ in operands), type_, None)
        self.nodes.append((made, value))

    def like(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[tuple[Node, Array]]:
        return [p for p in self.nodes if p[1].shape == shape and p[1].dtype == dtype]


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, list[Array]]:
    """Draw a program of a few nodes, and arguments for it."""
    draft = Draft(draw)
    shape = tuple(draw(st.lists(st.sampled_from((1, 2, 3, 2, 3)), max_size=3)))
    draft.nodes.append(draft.leaf(np.random.default_rng(4).normal(size=shape).round(2)))
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=10)):
        step(draft)
    made = [node for node, _ in draft.nodes]
    outputs = draw(st.lists(st.sampled_from(made), max_size=2))
    return Program(tuple(draft.inputs), (*outputs, made[-1])), draft.arguments


def _example(draft: Draft) -> None:
    """Apply an example's operation, to nodes in place of its float operands where they fit."""
    operation, operands = draft.draw(st.sampled_from(EXAMPLES))
    fixed = isinstance(operation, JUMPING) or operation.name in JUMPING_FUNCTIONS
    chosen = []
    for value in operands:
        near = [] if fixed or value.dtype.kind != "f" else draft.like(value.shape, value.dtype)
        use = near and draft.draw(st.booleans())
        chosen.append(draft.draw(st.sampled_from(near)) if use else draft.leaf(value))
    draft.add(operation, chosen)


def _some(draft: Draft) -> tuple[Node, Array]:
    """Choose a node of floats, most often the last."""
    floats = [pair for pair in draft.nodes if pair[1].dtype == np.dtype("float64")]
    return draft.draw(st.sampled_from((floats[-1], floats[-1], *floats)))  # type: ignore[no-any-return]


def _pointwise(draft: Draft) -> None:
    """Apply a smooth function to nodes of one shape and repeated numbers."""
    first = _some(draft)
    operation = draft.draw(st.sampled_from(SMOOTH))
    operands = [first]
    for _ in range(operation.function.arity - 1):
        number = np.broadcast_to(draft.draw(st.sampled_from(NUMBERS)), first[1].shape)
        draft.leaves.append((constant(number), number))
        near = draft.like(first[1].shape, first[1].dtype)
        operands.append(draft.draw(st.sampled_from([*near, draft.leaves[-1]])))
    draft.add(operation, operands[:: draft.draw(st.sampled_from((1, -1)))])


def _view(draft: Draft) -> None:
    """Look at a node through a view, or sum over it, or multiply it with another."""
    first = _some(draft)
    spec = draft.draw(st.one_of(readers(first[1].shape), views(first[1].shape)))
    operands = [first]
    for read in spec.reads[1:]:
        value = np.random.default_rng(3).integers(-3, 4, read.shape).astype(float)
        near = draft.like(read.shape, value.dtype)
        use = near and draft.draw(st.booleans())
        operands.append(draft.draw(st.sampled_from(near)) if use else draft.leaf(value))
    draft.add(spec, operands)


def _plain(draft: Draft) -> None:
    """Rename a node, or give it another shape."""
    first = _some(draft)
    shape = draft.draw(shapes_of(first[1].shape))
    operation = draft.draw(st.sampled_from((Alias(), Detach(), Reshape(shape), Reshape(shape))))
    draft.add(operation, [first])


def _relu(draft: Draft) -> None:
    """Apply ReLU to a node and, in either order, its derivative at the same node."""
    first = _some(draft)
    near = draft.like(first[1].shape, first[1].dtype)
    steps = [(RELU, [first]), (DERIVATIVE, [first, draft.draw(st.sampled_from(near))])]
    for operation, operands in draft.draw(st.permutations(steps)):
        draft.add(operation, operands)


def _again(draft: Draft) -> None:
    """Compute a node a second time."""
    node, _ = _some(draft)
    values = {id(known): value for known, value in [*draft.nodes, *draft.leaves]}
    if node.operands:
        draft.add(node.operation, [(o, values[id(o)]) for o in node.operands])


STEPS = (_example, *[_pointwise] * 3, *[_view] * 3, *[_plain] * 2, _relu, _again)


@st.composite
def shapes_of(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Draw a shape of as many elements: flat, or with axes of length 1 put in and left out."""
    if draw(st.integers(0, 2)) == 0:
        return (int(np.prod(shape)),)
    new = [n for n in shape if n != 1 or draw(st.booleans())]
    for _ in range(draw(st.integers(0, 2))):
        new.insert(draw(st.integers(0, len(new))), 1)
    return tuple(new)


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...], loops: int) -> tuple[AffineIndex, ...]:
    """Draw an index for every axis: mostly one loop, perhaps moved, flipped or strided."""
    indices = []
    for length in shape:
        coefficients = [0] * loops
        if loops and draw(st.integers(0, 4)):
            coefficients[draw(st.integers(0, loops - 1))] = draw(st.sampled_from((1, 1, 1, -1, 2)))
        start = length - 1 if -1 in coefficients else 0
        shift = draw(st.sampled_from((0, 0, 0, -1, 1)))
        indices.append(AffineIndex(start + shift, tuple(coefficients)))
    return tuple(indices)


@st.composite
def views(draw: st.DrawFn, shape: tuple[int, ...]) -> Contraction:
    """Draw a view of an array."""
    extents = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    indices = draw(layouts(shape, len(extents)))
    return Contraction(extents, len(extents), (Read(shape, indices),))


@st.composite
def readers(draw: st.DrawFn, shape: tuple[int, ...]) -> Contraction:
    """Draw a contraction whose first operand has ``shape``."""
    extents = tuple(draw(st.lists(st.integers(1, 4), max_size=4)))
    reads = [Read(shape, draw(layouts(shape, len(extents))))]
    for _ in range(draw(st.integers(0, 1))):
        other = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
        reads.append(Read(other, draw(layouts(other, len(extents)))))
    return Contraction(extents, draw(st.integers(0, len(extents))), tuple(reads))
