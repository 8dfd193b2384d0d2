"""Functions of every element, with broadcasting and promotion."""

from __future__ import annotations

from collections.abc import Callable

from lamina.core.errors import ArgumentError
from lamina.ops import scalars
from lamina.ops.scalar import Scalar
from lamina.tensors.application import pointwise
from lamina.tensors.handle import Tensor, TensorLike, as_tensor

Unary = Callable[[TensorLike], Tensor]
Binary = Callable[[TensorLike, TensorLike], Tensor]


def _unary(function: Scalar, text: str) -> Unary:
    def inside(input: TensorLike) -> Tensor:
        return pointwise(function, input)

    inside.__name__ = inside.__qualname__ = function.name
    inside.__doc__ = f"Return {text}, element by element. Integers are computed as float32."
    return inside


def _binary(function: Scalar, text: str) -> Binary:
    def inside(input: TensorLike, other: TensorLike) -> Tensor:
        return pointwise(function, input, other)

    inside.__name__ = inside.__qualname__ = function.name
    inside.__doc__ = f"Return {text}, element by element, after broadcasting."
    return inside


add = _binary(scalars.add, "``input + other``")
subtract = sub = _binary(scalars.subtract, "``input - other``")
multiply = mul = _binary(scalars.multiply, "``input · other``")
divide = div = _binary(scalars.divide, "``input / other`` (in floats)")
maximum = _binary(scalars.maximum, "the greater of two (half the derivative to each where equal)")
minimum = _binary(scalars.minimum, "the lesser of two (half the derivative to each where equal)")
less = lt = _binary(scalars.less, "whether ``input < other``")
less_equal = le = _binary(scalars.less_equal, "whether ``input ≤ other``")
greater = gt = _binary(scalars.greater, "whether ``input > other``")
greater_equal = ge = _binary(scalars.greater_equal, "whether ``input ≥ other``")
eq = _binary(scalars.equal, "whether ``input = other``")
not_equal = ne = _binary(scalars.not_equal, "whether ``input ≠ other``")
logical_and = _binary(scalars.logical_and, "``input ∧ other``")
logical_or = _binary(scalars.logical_or, "``input ∨ other``")
logical_xor = _binary(scalars.logical_xor, "``input ⊻ other``")

logical_not = _unary(scalars.logical_not, "``¬input``")
negative = neg = _unary(scalars.negative, "``-input``")
abs = absolute = _unary(scalars.absolute, "``|input|``")
sign = _unary(scalars.sign, "the sign: -1, 0 or 1")
exp = _unary(scalars.exp, "``e^input``")
expm1 = _unary(scalars.expm1, "``e^input - 1``, accurate near 0")
log = _unary(scalars.log, "the natural logarithm")
log1p = _unary(scalars.log1p, "``log(1 + input)``, accurate near 0")
sqrt = _unary(scalars.sqrt_, "the square root")
rsqrt = _unary(scalars.rsqrt, "``1 / √input``")
reciprocal = _unary(scalars.reciprocal, "``1 / input``")
square = _unary(scalars.square, "``input²``")
sin = _unary(scalars.sin, "the sine")
cos = _unary(scalars.cos, "the cosine")
tan = _unary(scalars.tan, "the tangent")
asin = _unary(scalars.asin, "the inverse sine")
acos = _unary(scalars.acos, "the inverse cosine")
atan = _unary(scalars.atan, "the inverse tangent")
sinh = _unary(scalars.sinh, "the hyperbolic sine")
cosh = _unary(scalars.cosh, "the hyperbolic cosine")
tanh = _unary(scalars.tanh, "the hyperbolic tangent")
erf = _unary(scalars.erf, "the error function")
sigmoid = logistic = _unary(scalars.logistic, "the logistic function ``1 / (1 + e^-input)``")
relu = _unary(scalars.relu, "``max(input, 0)``")
isnan = _unary(scalars.isnan, "whether the element is not a number")
isfinite = _unary(scalars.isfinite, "whether the element is neither NaN nor infinite")


def _rounding(function: Scalar, text: str) -> Unary:
    def inside(input: TensorLike) -> Tensor:
        whole = as_tensor(input)
        return pointwise(function, whole) if whole.dtype.kind == "f" else whole

    inside.__name__ = inside.__qualname__ = function.name
    inside.__doc__ = f"Return {text}, element by element. Integers are whole already."
    return inside


floor = _rounding(scalars.floor, "the greatest whole number below")
ceil = _rounding(scalars.ceil, "the least whole number above")
round = _rounding(scalars.round_, "the nearest whole number (of two, the even one)")


def _division(function: Scalar, text: str) -> Binary:
    def inside(input: TensorLike, other: TensorLike) -> Tensor:
        x, divisor = as_tensor(input), as_tensor(other)
        whole = x.dtype.kind != "f" and divisor.dtype.kind != "f"
        if whole and divisor.node.value is not None and not divisor.value.all():
            raise ArgumentError(f"{function.name}: an integer divided by 0")
        return pointwise(function, input, other)

    inside.__name__ = inside.__qualname__ = function.name
    inside.__doc__ = f"Return {text}. Errors: `ArgumentError` for integers divided by 0."
    return inside


floor_divide = _division(scalars.floor_divide, "``⌊input / other⌋``")
remainder = _division(scalars.remainder, "``input - other ⌊input / other⌋``")


def pow(input: TensorLike, exponent: TensorLike) -> Tensor:
    """Return ``input ^ exponent``, element by element, after broadcasting.

    Errors: `ArgumentError` for integers raised to a negative integer.

    >>> import lamina
    >>> lamina.tensor([1.0, 2.0, 3.0]) ** 2
    tensor([1., 4., 9.])
    """
    if type(exponent) is int and exponent == 2:
        return pointwise(scalars.square, input)
    power = as_tensor(exponent)
    whole = as_tensor(input).dtype.kind != "f" and power.dtype.kind == "i"
    if whole and power.node.value is not None and (power.value < 0).any():
        raise ArgumentError(f"pow: integers to the power {exponent}; use floats: input.float()")
    return pointwise(scalars.power, input, exponent)


def where(condition: TensorLike, input: TensorLike, other: TensorLike) -> Tensor:
    """Return ``input`` where the condition holds and ``other`` elsewhere.

    >>> import lamina
    >>> x = lamina.tensor([-1.0, 2.0])
    >>> lamina.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    return pointwise(scalars.where, as_tensor(condition), input, other)


def clamp(input: TensorLike, min: TensorLike = None, max: TensorLike = None) -> Tensor:
    """Return ``input`` clipped to [min, max]; either end may be absent.

    The derivative is 1 from end to end and 0 outside, as in PyTorch.

    >>> import lamina
    >>> lamina.clamp(lamina.tensor([-2.0, 0.5, 3.0]), 0.0, 1.0)
    tensor([0. , 0.5, 1. ])
    """
    if min is None and max is None:
        raise ArgumentError("clamp: give min, max or both")
    if max is None:
        return pointwise(scalars.where, pointwise(scalars.less, input, min), min, input)
    if min is None:
        return pointwise(scalars.where, pointwise(scalars.greater, input, max), max, input)
    return pointwise(scalars.clamp, input, min, max)


def equal(input: TensorLike, other: TensorLike) -> bool:
    """Return whether two tensors have the same shape and the same elements (`eq` compares each).

    >>> import lamina
    >>> lamina.equal(lamina.zeros(2), lamina.tensor([0.0, 0.0]))
    True
    """
    x, y = as_tensor(input), as_tensor(other)
    return x.shape == y.shape and bool((x.value == y.value).all())


def masked_fill(input: TensorLike, mask: TensorLike, value: TensorLike) -> Tensor:
    """Return ``input`` with ``value`` where ``mask`` holds."""
    return where(mask, value, input)
