"""Pointwise operations: a scalar function applied to every element of same-shaped operands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.errors import DTypeError, ShapeError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.types import Array, DType, Type, as_dtype, bool_, is_float
from lamina.ops.scalar import SCALARS, Arg, Scalar
from lamina.ops.scalar_calculus import ZERO, evaluate, product_with_partial, render

_KINDS = {"f": "a float", "n": "a number", "b": "bool"}


@dataclass(frozen=True)
class Pointwise(Operation):
    """``out[i] = f(a[i], b[i], …)`` for operands of one shape.

    Errors: `ShapeError` if the shapes differ (broadcast first), `DTypeError` if a dtype is not
    of the kind that the function takes or the operands' dtypes differ.
    """

    function: Scalar

    @property
    def name(self) -> str:
        return self.function.name

    def infer(self, *operands: Type) -> Type:
        first = operands[0]
        if len(operands) != self.function.arity or any(t.shape != first.shape for t in operands):
            raise ShapeError(
                f"{self.name}: expected {self.function.arity} operands of one shape, "
                f"got {', '.join(map(str, operands))}; broadcast them first"
            )
        dtype = self._dtype(operands)
        return Type(first.shape, bool_ if self.function.boolean else dtype)

    def _dtype(self, operands: Sequence[Type]) -> DType:
        dtypes = [t.dtype for t in operands]
        shared = {d for d, k in zip(dtypes, self.function.kinds, strict=True) if k != "b"}
        for dtype, kind in zip(dtypes, self.function.kinds, strict=True):
            if not _fits(dtype, kind):
                raise DTypeError(f"{self.name}: expected {_KINDS[kind]}, got {dtype}; cast first")
        if len(shared) > 1:
            raise DTypeError(f"{self.name}: expected one dtype, got {', '.join(map(str, dtypes))}")
        return shared.pop() if shared else bool_

    def evaluate(self, *operands: Array) -> Array:
        return evaluate(self.function, operands)

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        function, inputs = product_with_partial(self.function, index)
        if function.body == ZERO or not is_float(node.dtype):
            return None
        if function.body == Arg(0) and not inputs:
            return cotangent
        operands = [node if i is None else node.operands[i] for i in inputs]
        return apply(Pointwise(function), *operands, cotangent)

    jvp = vjp

    def render(self, names: Sequence[str], out: str) -> str:
        function = self.function
        named = SCALARS.get(function.name) == function
        body = function.body
        if body is None or named:
            body = function(*[Arg(i) for i in range(function.arity)])
        return f"{out} = {render(body, names)}"

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        for function in SCALARS.values():
            for shape in ((), (0, 3), (7,), (2, 3)):
                yield Example(cls(function), example_operands(function, shape, rng))


def example_operands(
    function: Scalar, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[Array, ...]:
    """Return float64 (or bool) operands within the function's domain."""
    return tuple(
        rng.random(shape) < 0.5 if kind == "b" else np.asarray(rng.uniform(low, high, shape))
        for kind, (low, high) in zip(function.kinds, function.domain, strict=True)
    )


def _fits(dtype: DType, kind: str) -> bool:
    if kind == "f":
        return is_float(dtype)
    if kind == "b":
        return dtype == bool_
    return kind == "a" or dtype != bool_


@dataclass(frozen=True)
class Cast(Operation):
    """The operand's values in another dtype (toward zero from float to integer)."""

    dtype: DType

    def infer(self, *operands: Type) -> Type:
        return Type(operands[0].shape, as_dtype(self.dtype))

    def evaluate(self, *operands: Array) -> Array:
        return operands[0].astype(self.dtype)

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        operand = node.operands[index]
        if not (is_float(operand.dtype) and is_float(self.dtype)):
            return None
        return apply(Cast(operand.dtype), cotangent)

    def jvp(self, node: Node, index: int, tangent: Node) -> Node | None:
        return apply(self, tangent) if is_float(self.dtype) else None

    def render(self, names: Sequence[str], out: str) -> str:
        return f"{out} = {self.dtype}({names[0]})"

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        for dtype in ("float32", "float64", "int64", "bool"):
            yield Example(cls(np.dtype(dtype)), (rng.normal(size=(2, 3)),))
