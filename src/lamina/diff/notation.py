"""Derivatives of tensors as formulas: in index notation, and as matrices where they are some.

A contraction's derivative by an operand is a contraction again, found by solving the index
equations (`lamina.ops.adjoint`); here it is written down. Which matrix form it has is read from its
loops, not from what the function was called: products of matrices and vectors, and for
cross-correlations of stride 1

    ∂L/∂W = δ ⊗ X        ∂L/∂X = rot180(W) ⊗̃ δ    (⊗̃: wide convolution's size)

Source: nndl, appendix B (denominator layout), sections 4.4 and 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.core.context import suppress
from lamina.core.node import Node, placeholder
from lamina.core.printer import names as node_names
from lamina.core.types import is_float
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.pointwise import Pointwise
from lamina.tensors import trace


@dataclass(frozen=True)
class Formula:
    """The derivative of a loss by one operand of one operation.

    Attributes:
        operand: the operand's name.
        operation: the line that computed the result.
        index: in index notation.
        matrix: in matrix notation, denominator layout; empty where it has no known form.
    """

    operand: str
    operation: str
    index: str
    matrix: str

    def transposed(self) -> str:
        """Return the matrix form in numerator layout: the transpose of the other."""
        left, _, right = self.matrix.partition(" = ")
        return f"{left} = ({right})ᵀ" if right else ""

    def __str__(self) -> str:
        """Return the formula on a line, with the matrix form behind it."""
        return f"{self.index}    {self.matrix}".rstrip()


def tensor_derivatives(
    f: Callable[..., Any], *args: Any, names: Sequence[str] | None = None
) -> tuple[Formula, ...]:
    """Return the formulas of a backward pass through f, from the last operation to the first.

    L is anything that depends on f's result; ∂L/∂v is the error term of v. An operand that several
    operations read has a formula for each of them, which are to be added up.

    >>> import lamina
    >>> W, a = lamina.zeros(3, 4), lamina.zeros(4)
    >>> for formula in tensor_derivatives(lambda W, a: W @ a, W, a, names=["W", "a"]):
    ...     print(formula)
    ∂L/∂W[i,k] = ∂L/∂v1[i] · a[k]    ∂L/∂W = ∂L/∂v1 aᵀ
    ∂L/∂a[k] = Σ_{i} ∂L/∂v1[i] · W[i,k]    ∂L/∂a = Wᵀ ∂L/∂v1
    """
    program = trace(f, *args, names=None if names is None else list(names))
    called = node_names(program, own=program.inputs)
    found: list[Formula] = []
    for node in reversed(program.nodes):
        if node.operands and node.value is None and is_float(node.dtype):
            found += _formulas(node, called)
    return tuple(found)


def _formulas(node: Node, names: Mapping[int, str]) -> Iterator[Formula]:
    name = names[id(node)]
    error = placeholder(node.type, f"∂L/∂{name}")
    known = {**names, id(error): f"∂L/∂{name}"}
    line = node.operation.render([names[id(o)] for o in node.operands], name)
    for place, operand in enumerate(node.operands):
        if operand.value is not None or not is_float(operand.dtype):
            continue
        with suppress(-1):
            back = node.operation.vjp(node, place, error)
        if back is None:
            continue
        out = f"∂L/∂{names[id(operand)]}"
        yield Formula(
            names[id(operand)],
            line,
            _rendered(back, known, out),
            _matrix(node, place, back, known, out),
        )


def _rendered(node: Node, names: Mapping[int, str], out: str) -> str:
    if id(node) in names:
        return f"{out} = {names[id(node)]}"
    given = [names.get(id(o)) or f"({_rendered(o, names, '')[3:]})" for o in node.operands]
    return node.operation.render(given, out)


def _matrix(node: Node, place: int, back: Node, names: Mapping[int, str], out: str) -> str:
    error, forward = f"∂L/∂{names[id(node)]}", node.operation
    if isinstance(forward, Pointwise):
        return _pointwise(back, names, error, out)
    if not isinstance(forward, Contraction) or not isinstance(back.operation, Contraction):
        return ""
    if _is_correlation(forward):
        weights = _weights(forward)
        other = names[id(node.operands[1 - place])]
        return (
            f"{out} = {error} ⊗ {other}"
            if place == weights
            else f"{out} = rot180({other}) ⊗̃ {error}"
        )
    given = [names.get(id(operand), "") for operand in back.operands]
    form = product(back.operation, given)
    return f"{out} = {form}" if form and all(given) else ""


def _pointwise(back: Node, names: Mapping[int, str], error: str, out: str) -> str:
    """Return the slope ⊙ δ, where the derivative is such a product of the error term."""
    text = _rendered(back, names, out).partition(" = ")[2]
    if text == error:
        return f"{out} = {error}"
    slope = text.removeprefix(f"{error} · ")
    return f"{out} = {slope} ⊙ {error}" if slope != text and error not in slope else ""


def product(spec: Contraction, names: Sequence[str]) -> str:
    """Return a contraction as a product of matrices and vectors; empty if it is none.

    >>> from lamina.ops.loops import Loop, contraction
    >>> i, j, k = Loop("i", 2), Loop("j", 3), Loop("k", 4)
    >>> product(contraction((i, j), ((4, 2), (k, i)), ((4, 3), (k, j))), ["A", "B"])
    'Aᵀ B'
    """
    if len(spec.reads) == 1:
        return _sum(spec, names[0])
    loops = [_plain(read) for read in spec.reads]
    if len(loops) != 2 or None in loops or spec.guards or spec.out_rank > 2:
        return ""
    first, second = (tuple(each or ()) for each in loops)
    summed = tuple(range(spec.out_rank, len(spec.extents)))
    if len(summed) > 1 or max(len(first), len(second)) > 2:
        return ""
    out = tuple(range(spec.out_rank))
    for (a, left), (b, right) in (
        ((first, names[0]), (second, names[1])),
        ((second, names[1]), (first, names[0])),
    ):
        form = _two(out, summed, a, b, left, right)
        if form:
            return form
    return ""


def _two(
    out: tuple[int, ...],
    summed: tuple[int, ...],
    a: tuple[int, ...],
    b: tuple[int, ...],
    left: str,
    right: str,
) -> str:
    """Return ``left right`` with what has to be transposed, if that is the contraction."""
    rows = out[:1] if len(out) and out[0] in a else ()
    columns = tuple(n for n in out if n not in rows)
    if set(a) != {*rows, *summed} or set(b) != {*summed, *columns} or (columns and not rows):
        return ""
    mark_a = "" if a == (*rows, *summed) and (rows or not summed) else "ᵀ"
    mark_b = "" if b == (*summed, *columns) and (summed or not columns) else "ᵀ"
    if not rows and not summed:
        mark_a = ""
    return f"{left}{mark_a} {right}{mark_b}"


def _sum(spec: Contraction, name: str) -> str:
    """Return a sum over all that is not in the result, if it is one."""
    loops = _plain(spec.reads[0])
    if loops is None or spec.guards or len(spec.extents) == spec.out_rank:
        return ""
    return f"Σ {name}"


def _plain(read: Read) -> tuple[int, ...] | None:
    """Return the loop of every axis, if each axis is read along one loop from its beginning."""
    found = []
    for index in read.indices:
        used = [n for n, c in enumerate(index.coefficients) if c]
        if len(used) != 1 or (index.constant, index.coefficients[used[0]], index.divisor) != (
            0,
            1,
            1,
        ):
            return None
        found.append(used[0])
    return tuple(found) if len(set(found)) == len(found) else None


def _weights(spec: Contraction) -> int:
    """Return which operand holds the weights of a correlation: the one that is read plainly."""
    return 0 if _plain(spec.reads[0]) is not None else 1


def _is_correlation(spec: Contraction) -> bool:
    """Return whether out[…, y] = Σ W[…, k] x[…, y + k - P], in any number of axes."""
    if len(spec.reads) != 2:
        return False
    weights = _weights(spec)
    if _plain(spec.reads[weights]) is None:
        return False
    slides = [_slides(i, spec.out_rank) for i in spec.reads[1 - weights].indices]
    return any(slides) and all(
        s or _single(i) for s, i in zip(slides, spec.reads[1 - weights].indices, strict=True)
    )


def _slides(index: AffineIndex, rank: int) -> bool:
    """Return whether the index is y + k - P for a loop y of the result and a summed loop k."""
    used = [(n, c) for n, c in enumerate(index.coefficients) if c]
    return (
        index.divisor == 1
        and len(used) == 2
        and all(c == 1 for _, c in used)
        and used[0][0] < rank <= used[1][0]
    )


def _single(index: AffineIndex) -> bool:
    return sum(map(bool, index.coefficients)) <= 1 and index.divisor == 1
