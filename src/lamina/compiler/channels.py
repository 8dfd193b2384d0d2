"""Layouts for batches too small for vectors: the channel innermost, and zeros around images.

The lanes of vectors then run along output channels, one tile's rows along an image's row. A
convolution's weights are turned so that output channels are neighbours. An index that would
leave an image at its border reads zeros that lie around it, so that borders need no loops of
their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamina.compiler.grouping import lasting, lasting_operand, source
from lamina.compiler.machines import Machine
from lamina.compiler.passes.views import as_view
from lamina.compiler.splitting import Split, block, is_loop, own_axes, split
from lamina.compiler.winograd.operations import Joined, Tiled
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.window import Window

WIDEST = 8
"""The widest border of zeros."""


class Channels:
    """Which axis of which node is innermost, how weights are turned, and where zeros are.

    ``weights`` are the inputs (by number) that hold what is learned.
    """

    def __init__(self, program: Program, machine: Machine, weights: Collection[int]) -> None:
        self.lanes = machine.lanes(4)
        self.weights = lasting(program, weights)
        self.axes: dict[int, int] = {}
        self.splits: dict[int, Split] = {}
        self.halos: dict[int, Shape] = {}
        kept = {id(source(node)) for node in program.outputs}
        for node in program.nodes:
            if node.value is None and node.operands:
                self._node(node)
        self.halos = {n: halo for n, halo in self.halos.items() if n not in kept}

    def axis(self, node: Node) -> int | None:
        """Return the axis that is innermost; None if the order is plain."""
        return self.axes.get(id(node))

    def halo(self, node: Node) -> Shape:
        """Return how many zeros lie around a node's elements along each axis."""
        return self.halos.get(id(node), ())

    def _node(self, node: Node) -> None:
        operation = node.operation
        if isinstance(operation, Joined):
            self.axes[id(node)] = len(node.shape) - 3
        if all(id(source(operand)) in self.weights for operand in node.operands):
            self.weights.add(id(node))
        elif isinstance(operation, Contraction) and len(operation.reads) == 2:
            self._product(node, operation)
        elif isinstance(operation, Tiled):
            self._around(node.operands[0], operation.around(node.operands[0].shape))
        else:
            self._follow(node)

    def _product(self, node: Node, operation: Contraction) -> None:
        """Let lanes run along the result's longest axis that the weights alone have."""
        own = lasting_operand(node, self.weights)
        if own is None or node.dtype.kind != "f":
            return
        image = 1 - own
        self._surround(node.operands[image], operation, image)
        found = list(own_axes(operation, own, image))
        loop, axis = max(found, key=lambda pair: operation.extents[pair[0]], default=(0, -1))
        if axis >= 0 and 2 * operation.extents[loop] >= self.lanes:
            self.axes[id(node)] = loop
            size = block(operation.extents[loop], self.lanes)
            self.splits[id(node)] = split(operation, loop, size, own, axis)

    def _surround(self, image: Node, operation: Contraction, place: int) -> None:
        """Note the zeros that a contraction reads around an image."""
        read = operation.reads[place]
        wanted = []
        for index, size in zip(read.indices, read.shape, strict=True):
            low, high = index.bounds(operation.extents)
            wanted.append(max(-low, high - size + 1, 0))
            if index.divisor != 1 or wanted[-1] > WIDEST:
                return
        self._around(image, wanted)

    def _around(self, image: Node, wanted: Sequence[int]) -> None:
        """Note how many zeros are wanted around an image along each axis."""
        base = source(image)
        axes = _same_axes(base.shape, image.shape)
        if axes is None or (not base.operands and len(base.shape) < 2):
            return
        halo = list(self.halos.get(id(base), (0,) * len(base.shape)))
        for axis, width in enumerate(wanted):
            if width and axis not in axes:
                return
            if width:
                halo[axes[axis]] = max(halo[axes[axis]], width)
        self.halos[id(base)] = tuple(halo)

    def _follow(self, node: Node) -> None:
        """Keep the axis of an operand that goes on in the result."""
        for operand in node.operands:
            axis = self.axes.get(id(operand))
            found = None if axis is None else _followed(node, operand, axis)
            if found is not None:
                self.axes[id(node)] = found
                return


def _followed(node: Node, operand: Node, axis: int) -> int | None:
    """Return where an operand's axis is in the result; None if it is not there."""
    operation = node.operation
    if isinstance(operation, Pointwise | Cast):
        return axis if operand.shape == node.shape else None
    if isinstance(operation, Window):
        contraction, read = operation.window, operation.read
    else:
        view = operation if isinstance(operation, Contraction) else as_view(node)
        if view is None or len(view.reads) != 1:
            return None
        contraction, read = view, view.reads[0]
    if axis >= len(read.indices):
        return None
    rank = len(node.shape)
    loops = range(min(rank, len(contraction.extents)))
    return next((n for n in loops if is_loop(read.indices[axis], n)), None)


def _same_axes(base: Shape, shape: Shape) -> dict[int, int] | None:
    """Return which axis of ``base`` each axis of ``shape`` is, if they differ in units only."""
    longer = [axis for axis, n in enumerate(base) if n != 1]
    axes = [axis for axis, n in enumerate(shape) if n != 1]
    if [base[a] for a in longer] != [shape[a] for a in axes]:
        return None
    return dict(zip(axes, longer, strict=True))
