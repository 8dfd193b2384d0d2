"""Whether derivatives are right: reverse and forward mode against differences, element by element.

The outputs are weighed with fixed random numbers c and added up, s = Σ c · f, so that one number is
differentiated by every element of every argument. For the second order the same is done with
Σ d · ∇s, where ∇s is found in each mode. `judging` says which entries are right, and which stand
at a kink; `diagnosis` what is likely wrong with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, GradientError
from lamina.core.types import Array, is_float
from lamina.diff.derivatives import MODES, Mode, Weighed, gradient_of, slope_along
from lamina.diff.diagnosis import likely_fault, swapped_axes
from lamina.diff.judging import Judge, Judgement, Verdict
from lamina.nn import Module
from lamina.nn.pure_call import functional_call
from lamina.tensors import Tensor, as_tensor
from lamina.tensors.tree import leaves, rebuild


class GradientCheckError(GradientError):
    """A derivative that disagrees with differences."""


@dataclass(frozen=True)
class Checked:
    """One argument's derivative in one mode and order: its greatest error, and its kinks.

    ``error`` is relative to the entry that has it. ``elements`` were looked at, ``kinks`` of them
    stand where there is no derivative. ``of`` is the mode of the first derivative, in order 2.
    """

    name: str
    mode: Mode
    order: int
    error: float
    elements: int
    kinks: int
    of: Mode | None = None

    def __str__(self) -> str:
        """Return a line."""
        modes = self.mode if self.of is None else f"{self.mode} of {self.of}"
        kinks = f", {self.kinks} at kinks" if self.kinks else ""
        return (
            f"order {self.order}, {modes:<18} {self.name:<12} {self.elements:>6} elements, "
            f"error {self.error:.1e}{kinks}"
        )


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
        return "\n".join(map(str, self.checks))


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    modes: Sequence[Mode] = MODES,
    tolerance: float = 1e-5,
    seed: int = 0,
    elements: int | None = None,
) -> Report:
    """Compare derivatives of ``f(*args)`` by all floats in ``args`` with differences, in float64.

    Args:
        f: a function whose results are tensors in any container.
        args: its argument, or a tuple of them; each a tensor or a container of tensors. Names in
            reports are keys and numbers: ``0['weight']``.
        order: 1 for derivatives, 2 for those of derivatives as well.
        modes: which modes are checked.
        tolerance: the greatest relative difference of an entry, beyond what rounding explains.
        seed: of the weights of outputs, and of the choice of elements.
        elements: how many elements of each argument are looked at, by default all.

    Where f has no derivative (a kink, a jump, a border of its domain) nothing is wrong: such
    elements are counted as ``kinks``. What f draws from the key stream is the same in every run.

    Errors: `GradientCheckError` for the worst element that disagrees, with its argument, both
    values, and the likely fault; `ArgumentError` if there is nothing to check, or if f gives two
    results for one argument.

    >>> import lamina
    >>> print(check_grads(lamina.sin, lamina.tensor([0.5, 1.0]), order=1, modes=["reverse"]))
    order 1, reverse            x                 2 elements, error ...
    """
    given = args if isinstance(args, tuple) else (args,)
    return _check(f, given, list(_names(args)), order, modes, (tolerance, seed, elements))


def check_module_grads(
    module: Module,
    *inputs: Any,
    loss: Callable[[Any], Tensor] | None = None,
    order: int = 1,
    modes: Sequence[Mode] = MODES,
    tolerance: float = 1e-5,
    seed: int = 0,
    elements: int | None = None,
) -> Report:
    """Check the derivatives of a module by all its parameters and float inputs, in float64.

    A copy of the module is used in the mode it is in (of training or evaluation); random numbers
    are the same in every run. With ``loss``, ``loss(module(*inputs))`` is checked.

    Errors: as `check_grads`; parameters have their names, inputs are ``inputs[0]``, ….

    >>> import lamina
    >>> report = check_module_grads(lamina.nn.Linear(3, 2), lamina.ones(4, 3))
    >>> [check.name for check in report.checks[:3]], report.error < 1e-7
    (['weight', 'bias', 'inputs[0]'], True)
    """
    double = deepcopy(module).double()
    state = {name: p.detach() for name, p in double.named_parameters()}

    def call(parameters: Mapping[str, Tensor], *given: Any) -> Any:
        found = functional_call(double, parameters, *given)
        return found if loss is None else loss(found)

    names = [*state, *_names(list(inputs), "inputs")]
    return _check(call, (state, *inputs), names, order, modes, (tolerance, seed, elements))


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


_Settings = tuple[float, int, int | None]
"""Tolerance, seed, and how many elements."""


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    names: Sequence[str],
    order: int,
    modes: Sequence[Mode],
    settings: _Settings,
) -> Report:
    if order not in (1, 2) or not set(modes) <= set(MODES):
        raise ArgumentError(
            f"check_grads: expected order 1 or 2 and modes of {MODES}, got {order} and {modes}"
        )
    point = _Point(args, names)
    if not point.arrays:
        raise ArgumentError("check_grads: there are no floats among the arguments")
    rng = np.random.default_rng(settings[1])
    total = Weighed(lambda *floats: f(*point.filled(floats)), point.arrays, rng)
    checks = _checks(total, point, modes, None, settings)
    if order == 2:
        directions = [rng.uniform(0.5, 1.5, a.shape) for a in point.arrays]
        for of in modes:
            slope = slope_along(total, directions, of)
            second = Weighed(slope, point.arrays, rng)
            checks += _checks(second, point, modes, of, settings)
    return Report(tuple(checks))


def _checks(
    f: Weighed, point: _Point, modes: Sequence[Mode], of: Mode | None, settings: _Settings
) -> list[Checked]:
    judge = Judge(f.value, f.size, point.arrays, settings[0])
    return [c for mode in modes for c in _checked(f, judge, point, mode, of, settings)]


def _checked(
    f: Weighed, judge: Judge, point: _Point, mode: Mode, of: Mode | None, settings: _Settings
) -> list[Checked]:
    _, seed, elements = settings
    gradient = gradient_of(f, mode)
    derivative = gradient(point.arrays)
    results = []
    for number, array in enumerate(point.arrays):
        places = _chosen(array.size, elements, seed)
        found = {place: derivative(number, place) for place in places}
        judged = {p: judge(number, p, value, gradient) for p, value in found.items()}
        results.append(_Result(point.names[number], number, array, found, judged))
    wrong = [result for result in results if result.wrong]
    if wrong:
        worst = max(wrong, key=lambda result: result.judged[result.worst].error)
        raise GradientCheckError(_message(worst, wrong, f, point, mode, of))
    return [result.checked(mode, of) for result in results]


@dataclass(frozen=True)
class _Result:
    """What was found of one argument: derivatives by place, and what to think of them."""

    name: str
    number: int
    array: Array
    found: Mapping[int, float]
    judged: Mapping[int, Judgement]

    @property
    def wrong(self) -> list[int]:
        """Places of entries that are wrong."""
        return [place for place, judgement in self.judged.items() if judgement.is_wrong]

    @property
    def worst(self) -> int:
        """The place of the entry that is farthest off (all others are no worse)."""
        errors = {place: self.judged[place].error for place in self.wrong}
        return max(errors, key=lambda place: np.nan_to_num(errors[place], nan=np.inf))

    def checked(self, mode: Mode, of: Mode | None) -> Checked:
        """Return the report of an argument of which nothing is wrong."""
        right = [j.error for j in self.judged.values() if j.verdict is Verdict.RIGHT]
        kinks, order = len(self.judged) - len(right), 1 if of is None else 2
        return Checked(self.name, mode, order, max(right, default=0.0), len(self.judged), kinks, of)

    def arrays(self) -> tuple[Array, Array]:
        """Return derivatives and differences, NaN where nothing can be learned from them."""
        verdicts = {judgement.verdict for judgement in self.judged.values()}
        told = [Verdict.RIGHT, Verdict.WRONG]
        if Verdict.WRONG not in verdicts:
            told += [Verdict.WRONG_AT_KINK]
        found, right = np.full(self.array.size, np.nan), np.full(self.array.size, np.nan)
        for place, judgement in self.judged.items():
            if judgement.verdict in told:
                found[place], right[place] = self.found[place], judgement.numerical
        return found.reshape(self.array.shape), right.reshape(self.array.shape)


def _chosen(size: int, elements: int | None, seed: int) -> list[int]:
    if elements is None or elements >= size:
        return list(range(size))
    return sorted(np.random.default_rng(seed).choice(size, elements, replace=False).tolist())


def _message(
    result: _Result,
    wrong: Sequence[_Result],
    f: Weighed,
    point: _Point,
    mode: Mode,
    of: Mode | None,
) -> str:
    judgement = result.judged[result.worst]
    indices = np.unravel_index(result.worst, result.array.shape)
    where = f"{result.name}[{', '.join(map(str, indices))}]" if indices else result.name
    others = [other.name for other in wrong if other is not result]
    also = f"; so are entries of {', '.join(others)}" if others else ""
    order = "1" if of is None else f"2 (of {of} mode)"
    return (
        f"check_grads: {mode} mode, order {order}: the derivative by {where} is "
        f"{result.found[result.worst]:.10g}, but differences give {judgement.numerical:.10g} "
        f"(relative error {judgement.error:.1e}; {len(result.wrong)} of {len(result.judged)} "
        f"elements are wrong{also}). {_fault(result, f, point, mode, of)}"
    )


def _fault(result: _Result, f: Weighed, point: _Point, mode: Mode, of: Mode | None) -> str:
    if all(result.judged[place].verdict is Verdict.PIECES for place in result.wrong):
        return (
            "Likely a non-smooth point: derivatives are right nearby, and f is smooth here only "
            "because the kinks of its pieces cancel, which rules cannot see."
        )
    found, right = result.arrays()
    sentence = likely_fault(found, right)
    if of is None and sentence.startswith("A term"):
        axes = swapped_axes(f.outputs, point.arrays, result.number, mode)
        return sentence if axes is None else axes
    return sentence
