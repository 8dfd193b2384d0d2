"""Scalar functions as records, and expressions written in terms of them.

One record holds all that is known of a scalar function: its name, how NumPy evaluates it, its
partial derivatives *as expressions in scalar functions*, its SymPy counterpart and a domain to
test it on. Forward mode, reverse mode, the symbolic engine, the compiler and the tests read
that one record. A function that is a formula in others (SiLU, GELU, …) is just its formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.core.types import Array

Interval = tuple[float, float]


class Expr:
    """An expression in scalar functions: `Arg`, `Out`, `Const` or `Call`."""

    def __add__(self, other: Expr | float) -> Expr:
        return call("add", self, other)

    def __radd__(self, other: float) -> Expr:
        return call("add", other, self)

    def __sub__(self, other: Expr | float) -> Expr:
        return call("subtract", self, other)

    def __rsub__(self, other: float) -> Expr:
        return call("subtract", other, self)

    def __mul__(self, other: Expr | float) -> Expr:
        return call("multiply", self, other)

    def __rmul__(self, other: float) -> Expr:
        return call("multiply", other, self)

    def __truediv__(self, other: Expr | float) -> Expr:
        return call("divide", self, other)

    def __rtruediv__(self, other: float) -> Expr:
        return call("divide", other, self)

    def __neg__(self) -> Expr:
        return call("negative", self)

    def __lt__(self, other: Expr | float) -> Expr:
        return call("less", self, other)

    def __le__(self, other: Expr | float) -> Expr:
        return call("less_equal", self, other)

    def __gt__(self, other: Expr | float) -> Expr:
        return call("greater", self, other)

    def __ge__(self, other: Expr | float) -> Expr:
        return call("greater_equal", self, other)


@dataclass(frozen=True)
class Arg(Expr):
    """The function's argument number ``index``."""

    index: int


@dataclass(frozen=True)
class Out(Expr):
    """The function's own result (in its partial derivatives)."""


@dataclass(frozen=True)
class Const(Expr):
    """A number."""

    value: float


@dataclass(frozen=True)
class Call(Expr):
    """A scalar function applied to expressions."""

    function: Scalar
    arguments: tuple[Expr, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.function, self.arguments)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True)
class Scalar:
    """A scalar function's record.

    ``kinds`` has a letter an argument: ``f`` float, ``n`` number, ``b`` bool, ``a`` any; all
    arguments that are not bool share one dtype, which is the result's unless ``boolean``.
    Either ``numpy`` (a primitive) or ``body`` (a formula in other functions) is given.
    ``derivatives`` maps the arguments and the result to the partial derivatives of a primitive
    (None where the function is piecewise constant or the argument is not differentiable).
    ``domain`` holds, for each argument, an interval on which the function is smooth or has
    isolated kinks. ``sympy`` is a primitive's counterpart as SymPy text in x, y, z.
    """

    name: str
    kinds: str
    numpy: Callable[..., Array] | None = field(default=None, compare=False, repr=False)
    derivatives: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    body: Expr | None = None
    boolean: bool = field(default=False, compare=False)
    domain: tuple[Interval, ...] = field(default=(), compare=False)
    sympy: str = field(default="", compare=False)
    symbol: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.kinds, self.body)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return len(self.kinds)

    def __call__(self, *arguments: Expr | float) -> Expr:
        """Apply the function to expressions."""
        if len(arguments) != self.arity:
            raise ArgumentError(f"{self.name} takes {self.arity} arguments, got {len(arguments)}")
        return Call(self, tuple(_expr(a) for a in arguments))

    def partial(self, index: int) -> Expr:
        """Return ∂/∂(argument ``index``) as an expression in the arguments and the result."""
        from lamina.ops.scalar_calculus import partial

        return partial(self, index)


SCALARS: dict[str, Scalar] = {}


def register(function: Scalar) -> Scalar:
    """Add ``function`` to the registry that the tests, the compiler and the exporters walk."""
    if function.name in SCALARS:
        raise ArgumentError(f"scalar function {function.name} is registered already")
    SCALARS[function.name] = function
    return function


def primitive(
    name: str,
    numpy: Callable[..., Any],
    derivatives: Callable[..., Any] | None = None,
    *,
    kinds: str = "f",
    domain: Interval | tuple[Interval, ...] = (-3.0, 3.0),
    boolean: bool = False,
    sympy: str = "",
    symbol: str = "",
) -> Scalar:
    """Register a function that NumPy evaluates itself."""
    domains = _domains(domain, len(kinds))
    return register(Scalar(name, kinds, numpy, derivatives, None, boolean, domains, sympy, symbol))


def formula(
    name: str, body: Callable[..., Expr], *, arity: int = 1, domain: Interval = (-3.0, 3.0)
) -> Scalar:
    """Return the function given by a formula in other functions (its derivatives follow).

    >>> from lamina.ops.scalars import logistic
    >>> swish = formula("my_swish", lambda x: x * logistic(x))
    >>> from lamina.ops.scalar_calculus import render
    >>> render(swish.body, ("x",))
    'x · logistic(x)'
    """
    arguments = [Arg(i) for i in range(arity)]
    return Scalar(name, "f" * arity, body=body(*arguments), domain=_domains(domain, arity))


def _domains(domain: Interval | tuple[Interval, ...], arity: int) -> tuple[Interval, ...]:
    first = domain[0]
    return domain if isinstance(first, tuple) else (domain,) * arity  # type: ignore[return-value]


def _expr(value: Expr | float) -> Expr:
    return value if isinstance(value, Expr) else Const(value)


def call(name: str, *arguments: Expr | float) -> Expr:
    """Apply the registered function ``name``, simplifying what is trivially simple."""
    from lamina.ops.scalar_calculus import simplified

    return simplified(SCALARS[name], tuple(_expr(a) for a in arguments))


@lru_cache(maxsize=1024)
def arguments_of(expr: Expr) -> frozenset[int | None]:
    """Return which arguments (numbers; None for the result) an expression depends on."""
    if isinstance(expr, Arg):
        return frozenset((expr.index,))
    if isinstance(expr, Out):
        return frozenset((None,))
    if isinstance(expr, Call):
        return frozenset().union(*(arguments_of(a) for a in expr.arguments))
    return frozenset()
