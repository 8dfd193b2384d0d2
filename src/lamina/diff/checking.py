"""Whether derivatives are right: reverse and forward mode against differences, element by element.

The outputs are weighed with fixed random numbers c and added up, s = Σ c · f, so that one number is
differentiated by every element of every argument. For the second order the same is done with
Σ d · ∇s. An element that disagrees is looked at more closely: differences are extrapolated, and
where the slopes from both sides differ it is a kink, at which every slope between them is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lamina.core.errors import ArgumentError, GradientError
from lamina.core.types import Array, is_float
from lamina.diff.diagnosis import likely_fault
from lamina.diff.numerical.ridders import extrapolated_from
from lamina.nn import Module
from lamina.nn.pure_call import functional_call
from lamina.tensors import Tensor, as_tensor, jvp, tensor, vjp
from lamina.tensors.tree import leaves, rebuild

Mode = Literal["reverse", "forward"]
MODES: tuple[Mode, ...] = ("reverse", "forward")

STEP = 6e-6
"""About the third root of float64's precision: for central differences."""

JUMP = 1e-4
"""Slopes from both sides that differ by more, relative to s, are those of a kink."""


class GradientCheckError(GradientError):
    """A derivative that disagrees with differences."""


@dataclass(frozen=True)
class Checked:
    """One argument's derivative in one mode and order: its greatest error, and its kinks.

    ``error`` is relative to the greatest entry (or to 1, if that is less).
    """

    name: str
    mode: Mode
    order: int
    error: float
    elements: int
    kinks: int


@dataclass(frozen=True)
class Report:
    """All that was checked, and agrees."""

    checks: tuple[Checked, ...]

    @property
    def error(self) -> float:
        """The greatest error."""
        return max((check.error for check in self.checks), default=0.0)

    @property
    def kinks(self) -> int:
        """How many elements stand at a kink, in all checks."""
        return sum(check.kinks for check in self.checks)

    def __str__(self) -> str:
        """Return a line for each check."""
        return "\n".join(
            f"order {c.order}, {c.mode:<7}  {c.name:<12} {c.elements:>6} elements, "
            f"error {c.error:.1e}" + (f", {c.kinks} at kinks" if c.kinks else "")
            for c in self.checks
        )


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    modes: Sequence[Mode] = MODES,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> Report:
    """Compare derivatives of ``f(*args)`` by all floats in ``args`` with differences, in float64.

    Args:
        f: a function whose results are tensors in any container.
        args: its argument, or a tuple of them; each a tensor or a container of tensors. Names in
            reports are keys and numbers: ``0['weight']``.
        order: 1 for derivatives, 2 for those of derivatives as well.
        modes: which modes are checked.
        tolerance: the greatest difference, relative to the greatest entry (or 1) of an argument.
        seed: of the weights of outputs.

    Errors: `GradientCheckError` for the worst element that disagrees, with its argument, both
    values, and the likely fault; `ArgumentError` if there is nothing to check.

    >>> import lamina
    >>> print(check_grads(lamina.sin, lamina.tensor([0.5, 1.0]), order=1, modes=["reverse"]))
    order 1, reverse  x                 2 elements, error ...
    """
    given = args if isinstance(args, tuple) else (args,)
    if order not in (1, 2) or not set(modes) <= set(MODES):
        raise ArgumentError(
            f"check_grads: expected order 1 or 2 and modes of {MODES}, got {order} and {modes}"
        )
    point = _Point(given, list(_names(args)))
    if not point.arrays:
        raise ArgumentError("check_grads: there are no floats among the arguments")
    rng = np.random.default_rng(seed)
    total = _weighed(lambda *floats: f(*point.filled(floats)), rng)
    checks = list(_checks(total, point, 1, modes, tolerance))
    if order == 2:
        weights = [tensor(rng.uniform(0.5, 1.5, a.shape)) for a in point.arrays]

        def slope(*floats: Tensor) -> Tensor:
            result, pull = vjp(total, *floats)
            found = pull(tensor(np.ones(result.shape)))
            return sum(
                ((g * w).sum() for g, w in zip(found, weights, strict=True)), tensor(0.0).double()
            )

        checks += _checks(slope, point, 2, modes, tolerance)
    return Report(tuple(checks))


def check_module_grads(
    module: Module, *inputs: Any, order: int = 1, tolerance: float = 1e-5
) -> Report:
    """Check the derivatives of a module's outputs by all its parameters and float inputs.

    The module is used as it is (call ``.eval()`` first if it draws random numbers), in float64.

    Errors: as `check_grads`; parameters have their names.

    >>> import lamina
    >>> check_module_grads(lamina.nn.Linear(3, 2), lamina.ones(4, 3)).error < 1e-7
    True
    """
    double = deepcopy(module).double()
    state = {name: p.detach() for name, p in double.named_parameters()}

    def call(parameters: Mapping[str, Tensor], *given: Any) -> Any:
        return functional_call(double, parameters, *given)

    return check_grads(call, (state, *inputs), order, tolerance=tolerance)


class _Point:
    """The floats among arguments, as float64, with their names."""

    def __init__(self, args: tuple[Any, ...], names: Sequence[str]) -> None:
        self.args = args
        self.all = [as_tensor(leaf) for leaf in leaves(args)]
        self.places = [n for n, leaf in enumerate(self.all) if is_float(leaf.dtype)]
        self.arrays = [np.array(self.all[n].numpy(), np.float64) for n in self.places]
        self.names = [names[n] or "x" for n in self.places]

    def filled(self, floats: Sequence[Tensor]) -> tuple[Any, ...]:
        """Return the arguments with other floats."""
        found: list[Any] = list(self.all)
        for n, value in zip(self.places, floats, strict=True):
            found[n] = value
        filled: tuple[Any, ...] = rebuild(self.args, found)
        return filled


def _names(tree: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _names(value, f"{prefix}[{key!r}]" if prefix else str(key))
    elif isinstance(tree, tuple | list):
        for number, value in enumerate(tree):
            yield from _names(value, f"{prefix}[{number}]" if prefix else str(number))
    elif tree is not None:
        yield prefix


def _weighed(f: Callable[..., Any], rng: np.random.Generator) -> Callable[..., Tensor]:
    """Return Σ c · f with weights c that are drawn when the outputs' shapes are known."""
    weights: list[Array] = []

    def total(*floats: Tensor) -> Tensor:
        outputs = [o for o in leaves(f(*floats)) if isinstance(o, Tensor) and is_float(o.dtype)]
        if not outputs:
            raise ArgumentError("check_grads: the function returns no floats")
        if not weights:
            weights.extend(rng.uniform(0.5, 1.5, o.shape) for o in outputs)
        return sum(
            ((o.double() * tensor(c)).sum() for o, c in zip(outputs, weights, strict=True)),
            tensor(0.0).double(),
        )

    return total


def _checks(
    f: Callable[..., Tensor], point: _Point, order: int, modes: Sequence[Mode], tolerance: float
) -> Iterator[Checked]:
    f(*map(tensor, point.arrays))  # draws the weights
    differences = [_Differences(f, point.arrays, n) for n in range(len(point.arrays))]
    for mode in modes:
        found = (_reverse if mode == "reverse" else _forward)(f, point.arrays)
        for name, analytic, numeric in zip(point.names, found, differences, strict=True):
            yield _compared(name, mode, order, analytic, numeric, tolerance)


def _reverse(f: Callable[..., Tensor], arrays: Sequence[Array]) -> list[Array]:
    _, pull = vjp(f, *map(tensor, arrays))
    return [g.numpy() for g in pull(tensor(1.0).double())]


def _forward(f: Callable[..., Tensor], arrays: Sequence[Array]) -> list[Array]:
    """Return the gradient, one pass an element."""
    point = tuple(map(tensor, arrays))
    found = [np.zeros_like(a) for a in arrays]
    for n, array in enumerate(arrays):
        for place in np.ndindex(*array.shape):
            tangents = [np.zeros_like(a) for a in arrays]
            tangents[n][place] = 1
            found[n][place] = jvp(f, point, tuple(map(tensor, tangents)))[1].item()
    return found


class _Differences:
    """Central differences of f by the elements of one argument."""

    def __init__(self, f: Callable[..., Tensor], arrays: Sequence[Array], number: int) -> None:
        self.f, self.arrays, self.number = f, arrays, number
        self.x = arrays[number]
        self.value = self.at((), 0.0) if not self.x.size else f(*map(tensor, arrays)).item()
        self.gradient = np.zeros_like(self.x)
        for place in np.ndindex(*self.x.shape):
            h = self.step(place)
            self.gradient[place] = (self.at(place, h) - self.at(place, -h)) / (2 * h)

    def at(self, place: tuple[int, ...], by: float) -> float:
        moved = self.x.copy()
        if self.x.size:
            moved[place] += by
        arrays = [moved if n == self.number else a for n, a in enumerate(self.arrays)]
        return float(self.f(*map(tensor, arrays)).item())

    def closely(self, place: tuple[int, ...]) -> float:
        """Return the derivative, extrapolated."""

        def difference(h: float) -> Array:
            return np.array((self.at(place, h) - self.at(place, -h)) / (2 * h))

        return float(extrapolated_from(difference, self.step(place, 0.01))[0])

    def step(self, place: tuple[int, ...], relative: float = STEP) -> float:
        """Return a step in proportion to an element."""
        return relative * max(abs(float(self.x[place])), 1.0)

    def sides(self, place: tuple[int, ...]) -> tuple[float, float]:
        """Return the slopes from the left and from the right."""
        h = self.step(place)
        return (self.value - self.at(place, -h)) / h, (self.at(place, h) - self.value) / h


def _compared(
    name: str, mode: Mode, order: int, analytic: Array, numeric: _Differences, tolerance: float
) -> Checked:
    scale = max(1.0, float(np.abs(numeric.gradient).max(initial=0)))
    errors = np.abs(analytic - numeric.gradient) / scale
    kinks = 0
    for place in map(tuple, np.argwhere(~(errors <= tolerance))):
        left, right = numeric.sides(place)
        low, high = sorted((left, right))
        if (
            high - low > JUMP * scale
            and low - JUMP * scale <= analytic[place] <= high + JUMP * scale
        ):
            kinks += 1
            errors[place] = 0
            continue
        numeric.gradient[place] = numeric.closely(place)
        errors[place] = abs(analytic[place] - numeric.gradient[place]) / scale
    if not (errors <= tolerance).all():
        raise GradientCheckError(_message(name, mode, order, analytic, numeric.gradient, errors))
    return Checked(name, mode, order, float(errors.max(initial=0)), analytic.size, kinks)


def _message(
    name: str, mode: Mode, order: int, analytic: Array, numeric: Array, errors: Array
) -> str:
    place = np.unravel_index(int(np.argmax(np.nan_to_num(errors, nan=np.inf))), errors.shape)
    where = f"{name}[{', '.join(map(str, place))}]" if place else name
    wrong = int((~(errors <= errors[place] / 1e3)).sum())
    return (
        f"check_grads: {mode} mode, order {order}: the derivative by {where} is "
        f"{analytic[place]:.10g}, but differences give {numeric[place]:.10g} (relative error "
        f"{errors[place]:.1e}; {wrong} of {errors.size} elements are about as wrong). "
        f"{likely_fault(analytic, numeric)}"
    )
