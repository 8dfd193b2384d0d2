"""Contraction: a sum of products over loops, every operand read at affine indices.

    out[o] = Σ_k  A[α(o, k)] · B[β(o, k)] · …        (reads out of range count as zero)

Dense layers, convolution and its transpose, average pooling, sums, broadcasting, slicing,
padding, flips and unfolding are all contractions; so is the adjoint of each of them.
Prior art: Tile/PlaidML, Tullio.jl, Halide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lamina.core.errors import DTypeError, ShapeError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.types import Array, Shape, Type
from lamina.ops.affine import AffineIndex

Change = Callable[[AffineIndex], AffineIndex]
"""From an index to what stands for it over other loops."""


@dataclass(frozen=True, slots=True)
class Read:
    """How one operand is read: its shape and an affine index for each of its axes."""

    shape: Shape
    indices: tuple[AffineIndex, ...]

    def changed(self, change: Change) -> Read:
        """Return the read of the same operand at other indices."""
        return Read(self.shape, tuple(map(change, self.indices)))


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on the loops: terms count only where ``index`` is exact and in ``range(size)``.

    It is the read of an operand made of ``size`` ones, without the operand.
    """

    index: AffineIndex
    size: int

    def changed(self, change: Change) -> Guard:
        """Return the same condition on another index."""
        return Guard(change(self.index), self.size)


@dataclass(frozen=True)
class Contraction(Operation):
    """The sum of products described by loops (outputs first), reads and guards.

    ``extents`` are the loops' lengths; the first ``out_rank`` of them index the result, the
    rest are summed over. ``loop_names`` serve the printer only.

    Errors: `ShapeError` if an operand's shape is not the one its read was made for,
    `DTypeError` if the operands' dtypes differ, or are bool and there is arithmetic to do.
    """

    extents: Shape
    out_rank: int
    reads: tuple[Read, ...]
    guards: tuple[Guard, ...] = ()
    loop_names: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        key = (self.extents, self.out_rank, self.reads, self.guards)
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]

    @property
    def name(self) -> str:
        return "contract"

    @property
    def out_shape(self) -> Shape:
        """The result's shape."""
        return self.extents[: self.out_rank]

    @property
    def is_view(self) -> bool:
        """Whether every element of the result is one element of the one operand, or zero."""
        return len(self.reads) == 1 and len(self.extents) == self.out_rank

    def changed(self, change: Change, **fields: Any) -> Contraction:
        """Return the contraction with every index changed, and with other ``fields``: its loops."""
        reads = tuple(read.changed(change) for read in self.reads)
        guards = tuple(guard.changed(change) for guard in self.guards)
        return replace(self, reads=reads, guards=guards, **fields)

    def infer(self, *operands: Type) -> Type:
        expected = tuple(read.shape for read in self.reads)
        if tuple(t.shape for t in operands) != expected:
            got = ", ".join(str(t) for t in operands)
            raise ShapeError(f"contract: expected operands of shapes {expected}, got {got}")
        dtype = operands[0].dtype
        refused = dtype.kind == "b" and not self.is_view
        if refused or any(t.dtype != dtype for t in operands):
            got = ", ".join(str(t.dtype) for t in operands)
            raise DTypeError(f"contract: expected one numeric dtype, got {got}; cast first")
        return Type(self.out_shape, dtype)

    def evaluate(self, *operands: Array) -> Array:
        from lamina.ops.contraction_numpy import evaluate

        return evaluate(self, operands)

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node:
        from lamina.ops.adjoint import adjoint

        others = node.operands[:index] + node.operands[index + 1 :]
        return apply(adjoint(self, index), cotangent, *others)

    def jvp(self, node: Node, index: int, tangent: Node) -> Node:
        operands = list(node.operands)
        operands[index] = tangent
        return apply(self, *operands)

    def render(self, names: Sequence[str], out: str) -> str:
        loops = self.names()
        factors = [_render_read(n, r, loops) for n, r in zip(names, self.reads, strict=True)]
        factors += [f"[0≤{g.index.render(loops)}<{g.size}]" for g in self.guards]
        summed = loops[self.out_rank :]
        sigma = f"Σ_{{{','.join(summed)}}} " if summed else ""
        left = f"{out}[{','.join(loops[: self.out_rank])}]" if self.out_rank else out
        return f"{left} = {sigma}{' · '.join(factors)}"

    def names(self) -> tuple[str, ...]:
        """Return a distinct name for every loop."""
        given = self.loop_names or ("",) * len(self.extents)
        result: list[str] = []
        for number, name in enumerate(given):
            fresh = name and name not in result
            result.append(name if fresh else f"{name or 'i'}{number}")
        return tuple(result)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        from lamina.ops.contraction_examples import examples

        return examples(rng)


def _render_read(name: str, read: Read, loops: tuple[str, ...]) -> str:
    if not read.indices:
        return name
    return f"{name}[{','.join(index.render(loops) for index in read.indices)}]"
