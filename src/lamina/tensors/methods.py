"""The operators and methods of `Tensor`, each a call of the function of the same name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamina.core.errors import ArgumentError

if TYPE_CHECKING:
    from lamina.tensors import dtypes, elementwise, indexing, products, reduction, shape
    from lamina.tensors.handle import Tensor, TensorLike
    from lamina.tensors.reduction import Extremum

Dims = int | tuple[int, ...] | list[int] | None


class Methods:
    """Mixed into `Tensor`."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __add__(self, other: TensorLike) -> Tensor:
        return elementwise.add(self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return elementwise.add(other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return elementwise.subtract(self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return elementwise.subtract(other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return elementwise.multiply(self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return elementwise.multiply(other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return elementwise.divide(self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return elementwise.divide(other, self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return elementwise.floor_divide(self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: TensorLike) -> Tensor:
        return elementwise.remainder(self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return elementwise.remainder(other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return elementwise.pow(self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return elementwise.pow(other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return products.matmul(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return products.matmul(other, self)

    def __neg__(self) -> Tensor:
        return elementwise.negative(self)

    def __pos__(self) -> Tensor:
        return shape.reshape(self, *shape.shape(self))

    def __abs__(self) -> Tensor:
        return elementwise.abs(self)

    def __invert__(self) -> Tensor:
        return elementwise.logical_not(self)

    def __and__(self, other: TensorLike) -> Tensor:
        return elementwise.logical_and(self, other)

    def __or__(self, other: TensorLike) -> Tensor:
        return elementwise.logical_or(self, other)

    def __xor__(self, other: TensorLike) -> Tensor:
        return elementwise.logical_xor(self, other)

    def __lt__(self, other: TensorLike) -> Tensor:
        return elementwise.less(self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return elementwise.less_equal(self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return elementwise.greater(self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return elementwise.greater_equal(self, other)

    def __eq__(self, other: TensorLike) -> Tensor:  # type: ignore[override]
        return elementwise.eq(self, other)

    def __ne__(self, other: TensorLike) -> Tensor:  # type: ignore[override]
        return elementwise.not_equal(self, other)

    def __getitem__(self, key: Any) -> Tensor:
        return indexing.index(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ArgumentError(
            "tensors are values: t[key] = v is not supported; use lamina.where(mask, v, t), "
            "or build a NumPy array and make a tensor of it"
        )

    # Pointwise ------------------------------------------------------------------------------

    def abs(self) -> Tensor:
        """See `lamina.abs`."""
        return elementwise.abs(self)

    def neg(self) -> Tensor:
        """See `lamina.neg`."""
        return elementwise.neg(self)

    def sign(self) -> Tensor:
        """See `lamina.sign`."""
        return elementwise.sign(self)

    def floor(self) -> Tensor:
        """See `lamina.floor`."""
        return elementwise.floor(self)

    def ceil(self) -> Tensor:
        """See `lamina.ceil`."""
        return elementwise.ceil(self)

    def round(self) -> Tensor:
        """See `lamina.round`."""
        return elementwise.round(self)

    def exp(self) -> Tensor:
        """See `lamina.exp`."""
        return elementwise.exp(self)

    def expm1(self) -> Tensor:
        """See `lamina.expm1`."""
        return elementwise.expm1(self)

    def log(self) -> Tensor:
        """See `lamina.log`."""
        return elementwise.log(self)

    def log1p(self) -> Tensor:
        """See `lamina.log1p`."""
        return elementwise.log1p(self)

    def sqrt(self) -> Tensor:
        """See `lamina.sqrt`."""
        return elementwise.sqrt(self)

    def rsqrt(self) -> Tensor:
        """See `lamina.rsqrt`."""
        return elementwise.rsqrt(self)

    def reciprocal(self) -> Tensor:
        """See `lamina.reciprocal`."""
        return elementwise.reciprocal(self)

    def square(self) -> Tensor:
        """See `lamina.square`."""
        return elementwise.square(self)

    def sin(self) -> Tensor:
        """See `lamina.sin`."""
        return elementwise.sin(self)

    def cos(self) -> Tensor:
        """See `lamina.cos`."""
        return elementwise.cos(self)

    def tan(self) -> Tensor:
        """See `lamina.tan`."""
        return elementwise.tan(self)

    def asin(self) -> Tensor:
        """See `lamina.asin`."""
        return elementwise.asin(self)

    def acos(self) -> Tensor:
        """See `lamina.acos`."""
        return elementwise.acos(self)

    def atan(self) -> Tensor:
        """See `lamina.atan`."""
        return elementwise.atan(self)

    def sinh(self) -> Tensor:
        """See `lamina.sinh`."""
        return elementwise.sinh(self)

    def cosh(self) -> Tensor:
        """See `lamina.cosh`."""
        return elementwise.cosh(self)

    def tanh(self) -> Tensor:
        """See `lamina.tanh`."""
        return elementwise.tanh(self)

    def erf(self) -> Tensor:
        """See `lamina.erf`."""
        return elementwise.erf(self)

    def sigmoid(self) -> Tensor:
        """See `lamina.sigmoid`."""
        return elementwise.sigmoid(self)

    def relu(self) -> Tensor:
        """See `lamina.relu`."""
        return elementwise.relu(self)

    def isnan(self) -> Tensor:
        """See `lamina.isnan`."""
        return elementwise.isnan(self)

    def isfinite(self) -> Tensor:
        """See `lamina.isfinite`."""
        return elementwise.isfinite(self)

    def logical_not(self) -> Tensor:
        """See `lamina.logical_not`."""
        return elementwise.logical_not(self)

    def maximum(self, other: TensorLike) -> Tensor:
        """See `lamina.maximum`."""
        return elementwise.maximum(self, other)

    def minimum(self, other: TensorLike) -> Tensor:
        """See `lamina.minimum`."""
        return elementwise.minimum(self, other)

    def pow(self, exponent: TensorLike) -> Tensor:
        """See `lamina.pow`."""
        return elementwise.pow(self, exponent)

    def clamp(self, min: TensorLike = None, max: TensorLike = None) -> Tensor:
        """See `lamina.clamp`."""
        return elementwise.clamp(self, min, max)

    def masked_fill(self, mask: TensorLike, value: TensorLike) -> Tensor:
        """See `lamina.masked_fill`."""
        return elementwise.masked_fill(self, mask, value)

    # Reductions -----------------------------------------------------------------------------

    def sum(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.sum`."""
        return reduction.sum(self, dim, keepdim)

    def mean(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.mean`."""
        return reduction.mean(self, dim, keepdim)

    def var(self, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """See `lamina.var`."""
        return reduction.var(self, dim, correction, keepdim)

    def std(self, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """See `lamina.std`."""
        return reduction.std(self, dim, correction, keepdim)

    def amax(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.amax`."""
        return reduction.amax(self, dim, keepdim)

    def amin(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.amin`."""
        return reduction.amin(self, dim, keepdim)

    def max(self, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremum:
        """See `lamina.max`."""
        return reduction.max(self, dim, keepdim)

    def min(self, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremum:
        """See `lamina.min`."""
        return reduction.min(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """See `lamina.argmax`."""
        return reduction.argmax(self, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """See `lamina.argmin`."""
        return reduction.argmin(self, dim, keepdim)

    def any(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.any`."""
        return reduction.any(self, dim, keepdim)

    def all(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.all`."""
        return reduction.all(self, dim, keepdim)

    def norm(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """See `lamina.norm`."""
        return reduction.norm(self, dim, keepdim)

    def logsumexp(self, dim: Dims, keepdim: bool = False) -> Tensor:
        """See `lamina.logsumexp`."""
        return reduction.logsumexp(self, dim, keepdim)

    # Shape ----------------------------------------------------------------------------------

    def reshape(self, *sizes: Any) -> Tensor:
        """See `lamina.reshape`."""
        return shape.reshape(self, *sizes)

    def permute(self, *dims: Any) -> Tensor:
        """See `lamina.permute`."""
        return shape.permute(self, *dims)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """See `lamina.transpose`."""
        return shape.transpose(self, dim0, dim1)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """See `lamina.flatten`."""
        return shape.flatten(self, start_dim, end_dim)

    def unflatten(self, dim: int, sizes: tuple[int, ...]) -> Tensor:
        """See `lamina.unflatten`."""
        return shape.unflatten(self, dim, sizes)

    def squeeze(self, dim: Dims = None) -> Tensor:
        """See `lamina.squeeze`."""
        return shape.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Tensor:
        """See `lamina.unsqueeze`."""
        return shape.unsqueeze(self, dim)

    def expand(self, *sizes: Any) -> Tensor:
        """See `lamina.expand`."""
        return shape.expand(self, *sizes)

    def broadcast_to(self, sizes: tuple[int, ...]) -> Tensor:
        """See `lamina.broadcast_to`."""
        return shape.broadcast_to(self, sizes)

    def flip(self, dims: Dims) -> Tensor:
        """See `lamina.flip`."""
        return shape.flip(self, dims)

    def tile(self, *repeats: Any) -> Tensor:
        """See `lamina.tile`."""
        return shape.tile(self, *repeats)

    def split(self, size: int | list[int], dim: int = 0) -> list[Tensor]:
        """See `lamina.split`."""
        return shape.split(self, size, dim)

    def chunk(self, chunks: int, dim: int = 0) -> list[Tensor]:
        """See `lamina.chunk`."""
        return shape.chunk(self, chunks, dim)

    def unbind(self, dim: int = 0) -> list[Tensor]:
        """See `lamina.unbind`."""
        return shape.unbind(self, dim)

    view = reshape

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return shape.permute(self, *range(shape.rank(self))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return shape.transpose(self, -2, -1)

    # Products, positions, dtypes ------------------------------------------------------------

    def matmul(self, other: TensorLike) -> Tensor:
        """See `lamina.matmul`."""
        return products.matmul(self, other)

    def dot(self, other: TensorLike) -> Tensor:
        """See `lamina.dot`."""
        return products.dot(self, other)

    def outer(self, other: TensorLike) -> Tensor:
        """See `lamina.outer`."""
        return products.outer(self, other)

    def gather(self, dim: int, index: TensorLike) -> Tensor:
        """See `lamina.gather`."""
        return indexing.gather(self, dim, index)

    def index_select(self, dim: int, index: TensorLike) -> Tensor:
        """See `lamina.index_select`."""
        return indexing.index_select(self, dim, index)

    def argsort(self, dim: int = -1, descending: bool = False) -> Tensor:
        """See `lamina.argsort`."""
        return indexing.argsort(self, dim, descending)

    def sort(self, dim: int = -1, descending: bool = False) -> Extremum:
        """See `lamina.sort`."""
        return indexing.sort(self, dim, descending)

    def to(self, dtype: Any) -> Tensor:
        """See `lamina.to`."""
        return dtypes.to(self, dtype)

    def float(self) -> Tensor:
        """Return the tensor as float32."""
        return dtypes.to(self, "float32")

    def double(self) -> Tensor:
        """Return the tensor as float64."""
        return dtypes.to(self, "float64")

    def long(self) -> Tensor:
        """Return the tensor as int64."""
        return dtypes.to(self, "int64")

    def int(self) -> Tensor:
        """Return the tensor as int32."""
        return dtypes.to(self, "int32")

    def bool(self) -> Tensor:
        """Return the tensor as bool."""
        return dtypes.to(self, "bool")

    def clone(self) -> Tensor:
        """Return the same value as a new tensor with this one behind it."""
        return shape.reshape(self, *shape.shape(self))


def link() -> None:
    """Import the functions that the methods call; they need the class to exist first."""
    for name in ("dtypes", "elementwise", "indexing", "products", "reduction", "shape"):
        globals()[name] = import_module(f"lamina.tensors.{name}")
