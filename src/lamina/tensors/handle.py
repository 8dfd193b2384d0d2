"""`Tensor`: the user's handle on a node of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import index
from typing import Any
from weakref import ref

import numpy as np

from lamina.autodiff.levels import TAPE
from lamina.core.blame import user_line
from lamina.core.errors import ArgumentError, DTypeError, GradientError, ShapeError, TraceError
from lamina.core.node import CONSTANT, Node, apply, constant, variable
from lamina.core.types import DEFAULT_FLOAT, Array, DType, Shape, Type, as_dtype, is_float
from lamina.ops.structure import Detach
from lamina.tensors.methods import Methods, link

TensorLike = Any
"""A Tensor, a Python number, a NumPy array, or nested lists of numbers."""


class Tensor(Methods):
    """An array with a history: what it was computed from, and by which operations.

    A handle on an immutable graph node; `assign` makes it refer to another one. Arithmetic,
    slicing and methods are those of NumPy and PyTorch.

    >>> import lamina
    >>> w = lamina.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> w.grad
    tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_grad", "_retains", "node")
    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __init__(self, node: Node) -> None:
        if not isinstance(node, Node):
            raise DTypeError(
                f"Tensor: expected a node of the graph, got {type(node).__name__}; make tensors of "
                "numbers with lamina.tensor"
            )
        self.node = node
        self._grad: Tensor | None = None
        self._retains = False

    # What it is --------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The lengths of the axes."""
        return self.node.shape

    @property
    def dtype(self) -> DType:
        """The NumPy dtype of the elements."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.node.shape)

    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.node.shape)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """Return the number of elements."""
        return self.node.type.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a tensor without axes")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        if self.node.value is None:
            return f"tensor(<traced>, {self.node.type})"
        body = np.array2string(self.node.value, separator=", ", prefix="tensor(")
        plain = self.dtype in (np.float32, np.int64, np.bool_)
        dtype = "" if plain else f", dtype={self.dtype}"
        grad = ", requires_grad=True" if self.is_leaf and self.requires_grad else ""
        return f"tensor({body}{dtype}{grad})"

    # Values --------------------------------------------------------------------------------

    @property
    def value(self) -> Array:
        """The elements as NumPy holds them; raises `TraceError` while tracing."""
        if self.node.value is None:
            raise TraceError(
                f"a traced tensor ({self.node.type}) has no value, but Python asks for it"
                f"{user_line()}; code that depends on values cannot be compiled: use lamina.where "
                'to choose by value, or run it dynamically (engine="dynamic")'
            )
        return self.node.value

    def numpy(self) -> Array:
        """Return the elements as a read-only NumPy view."""
        view = self.value.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy:
            return np.array(self.value, dtype=dtype)
        return np.asarray(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return np.require(self.value, requirements="W").__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def item(self) -> Any:
        """Return the only element as a Python number."""
        if self.numel() != 1:
            raise ShapeError(f"item: expected one element, got shape {self.shape}")
        return self.value.item()

    def tolist(self) -> Any:
        """Return the elements as nested Python lists."""
        return self.value.tolist()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ShapeError(
                f"bool: the truth of a tensor of shape {self.shape} is ambiguous; "
                "use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DTypeError(f"expected an integer tensor as index, got {self.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    # Derivatives ---------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether ``.backward()`` on a result reaches this tensor."""
        return bool(self.node.tracks & TAPE)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was given rather than computed from tracked ones."""
        return not self.node.operands

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf a variable (or a constant) of ``.backward()``, in place."""
        if not self.is_leaf:
            raise GradientError("requires_grad_: this tensor was computed; detach() it first")
        if requires_grad == self.requires_grad:
            return self
        self._become(self.value, requires_grad)
        return self

    @property
    def grad(self) -> Tensor | None:
        """∂L/∂(this tensor), summed over the backward passes since it was last None."""
        return self._grad

    @grad.setter
    def grad(self, value: TensorLike | None) -> None:
        gradient = None if value is None else as_tensor(value)
        if gradient is not None and gradient.node.type != self.node.type:
            raise ShapeError(f"grad: expected {self.node.type}, got {gradient.node.type}")
        self._grad = gradient

    def retain_grad(self) -> Tensor:
        """Keep this intermediate's gradient in ``.grad`` at the next backward pass."""
        self._retains = True
        self.node.handle = ref(self)
        return self

    def backward(
        self,
        gradient: TensorLike | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add ∂(this)/∂w to ``w.grad`` for every tensor w with ``requires_grad`` behind it.

        ``gradient`` is the cotangent of this tensor (1 for a scalar). Graphs live as long as
        something refers to them, so ``retain_graph`` changes nothing; with ``create_graph``
        the gradients can be differentiated again.
        """
        from lamina.tensors.backward import backward

        backward(self, gradient, create_graph)

    def detach(self) -> Tensor:
        """Return the same values without history: derivatives do not pass."""
        if self.node.value is None:
            return Tensor(apply(Detach(), self.node))
        return Tensor(constant(self.node.value))

    @property
    def data(self) -> Tensor:
        """The same values without history; assigning replaces the values."""
        return self.detach()

    @data.setter
    def data(self, value: TensorLike) -> None:
        self.assign(value)

    def assign(self, value: TensorLike) -> Tensor:
        """Make this handle refer to other values of the same shape and dtype, without history.

        ``requires_grad`` stays. Traced values are accepted (a step being compiled assigns them).
        """
        node = value.node if isinstance(value, Tensor) else constant(np.array(value, self.dtype))
        if node.shape != self.shape or node.dtype != self.dtype:
            raise ShapeError(f"assign: expected {self.node.type}, got {node.type}")
        if node.value is None:
            self.node = node
        else:
            self._become(node.value, self.requires_grad)
        return self

    def __iadd__(self, other: TensorLike) -> Tensor:
        return self._updated(self + other)

    def __isub__(self, other: TensorLike) -> Tensor:
        return self._updated(self - other)

    def __imul__(self, other: TensorLike) -> Tensor:
        return self._updated(self * other)

    def __itruediv__(self, other: TensorLike) -> Tensor:
        return self._updated(self / other)

    def _updated(self, result: Tensor) -> Tensor:
        """What ``t += x`` makes of ``t``: only a variable is changed, others are values.

        A variable must stay itself, or ``w -= lr * w.grad`` would leave the model as it was.
        """
        if not (self.is_leaf and self.requires_grad):
            return result
        if result.requires_grad:
            raise GradientError(
                "a tensor with requires_grad cannot be updated in place while history is "
                "recorded; update it inside lamina.no_grad(), or write t = t + x"
            )
        return self.assign(result)

    def _become(self, value: Array, requires_grad: bool) -> None:
        if not requires_grad:
            self.node = constant(value)
            return
        if not is_float(value.dtype):
            raise DTypeError(f"requires_grad: only floats have gradients, got {value.dtype}")
        self.node = variable(value, TAPE)
        self.node.handle = ref(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copied = type(self).__new__(type(self))
        Tensor.__init__(copied, constant(self.value.copy()))
        memo[id(self)] = copied
        return copied.requires_grad_() if self.requires_grad else copied

    def named(self, name: str) -> Tensor:
        """Name this value for listings and for `lamina.retain_grad`."""
        self.node.name = name
        return self


def tensor(data: TensorLike, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of ``data``.

    Python numbers become float32, int64 or bool; arrays keep their dtype.

    >>> tensor([[1, 2], [3, 4]]).shape, tensor(0.5).dtype
    ((2, 2), dtype('float32'))
    """
    array = np.array(_array(data, dtype))
    made = Tensor(constant(array))
    return made.requires_grad_() if requires_grad else made


_new = Tensor.__new__


def known(value: Array, type_: Type) -> Tensor:
    """Return a tensor of a value whose type is known already, unchecked."""
    made = _new(Tensor)
    made.node = Node(CONSTANT, (), type_, value)
    made._grad = None
    made._retains = False
    return made


def as_tensor(data: TensorLike, dtype: Any = None) -> Tensor:
    """Return ``data`` as a tensor, sharing memory where it can.

    An array that operators take part in is shared too: do not write to it while a graph uses it.
    """
    if isinstance(data, Tensor) and (dtype is None or data.dtype == as_dtype(dtype)):
        return data
    if isinstance(data, Tensor):
        return data.to(dtype)
    return Tensor(constant(_array(data, dtype)))


def as_operand(argument: Any) -> Any:
    """Return a NumPy array as a tensor, and anything else as it is.

    So functions and modules take arrays for tensors without knowing which argument is one.
    """
    return as_tensor(argument) if isinstance(argument, np.ndarray) else argument


def _array(data: TensorLike, dtype: Any) -> Array:
    if isinstance(data, Tensor):
        data = data.value
    typed = hasattr(data, "dtype")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ShapeError(f"tensor: expected a rectangular array, got {data!r}") from error
    if array.dtype.kind not in "biufc":
        raise DTypeError(
            f"tensor: expected numbers, got {type(data).__name__}: dtype {array.dtype} is not "
            "supported"
        )
    natural = array.dtype if dtype is None else dtype
    if dtype is None and not typed and array.dtype == np.float64:
        natural = DEFAULT_FLOAT
    with np.errstate(all="ignore"):
        return array.astype(as_dtype(natural), copy=False)


def shape_of(sizes: Sequence[Any]) -> Shape:
    """Return sizes given as ``f(2, 3)`` or ``f((2, 3))`` as a tuple of ints."""
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = sizes[0]
    try:
        lengths = tuple(index(s) for s in sizes)
    except TypeError as error:
        raise ArgumentError(f"a shape is made of whole numbers, got {tuple(sizes)}") from error
    return lengths


link()
