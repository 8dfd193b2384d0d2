"""Update rules: what an optimiser does to one parameter, as a pure function of explicit state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from lamina.core.context import frame
from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.functions.number_checks import Number, within
from lamina.tensors import Tensor, full, full_like

State = dict[str, Tensor]
STEP = "step"


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule(ABC):
    """One optimiser's update θ, g, state → θ', state', with its hyperparameters as fields.

    A rule holds no state and changes nothing: it is written in tensor operations only, so that it
    can be traced, compiled and differentiated. Numbers may be floats or scalar tensors (a traced
    input, say); booleans decide which operations are done. Gradients enter as
    g ← ±g + λ θ, with λ the weight decay and minus where ``maximize`` is set.

    >>> import lamina
    >>> from lamina.optim import SGDRule
    >>> rule = SGDRule(lr=0.1, momentum=0.9)
    >>> theta, g = lamina.tensor([1.0]), lamina.tensor([2.0])
    >>> state = rule.init(theta)
    >>> theta, state = rule.update(theta, g, state)
    >>> theta, state = rule.update(theta, g, state)
    >>> round(theta.item(), 4)  # 1 - 0.1·2 - 0.1·(0.9·2 + 2)
    0.42
    """

    optional: ClassVar[frozenset[str]] = frozenset()
    """Slots that a saved state may lack."""

    lr: Number = 1e-3
    weight_decay: Number = 0.0
    maximize: bool = False

    def __post_init__(self) -> None:
        within(self.name, "lr", self.lr)
        within(self.name, "weight_decay", self.weight_decay)
        self.check()

    @property
    def name(self) -> str:
        """The optimiser's name, as errors call it."""
        return type(self).__name__.removesuffix("Rule")

    @abstractmethod
    def check(self) -> None:
        """Raise an `ArgumentError` if a hyperparameter is out of its range."""

    @abstractmethod
    def slots(self) -> dict[str, float]:
        """Return the state's names, each with the value it starts from.

        ``"step"`` counts updates in an int64 scalar; every other slot is shaped as the parameter.
        """

    @abstractmethod
    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the new parameter and the new values of the slots."""

    def options(self) -> dict[str, Any]:
        """Return the hyperparameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def replaced(self, hyper: Mapping[str, Any]) -> Self:
        """Return the rule with some hyperparameters changed (and checked)."""
        unknown = sorted(hyper.keys() - self.options().keys())
        if unknown:
            known = ", ".join(self.options())
            raise ArgumentError(f"{self.name} has no option {unknown[0]!r}; it has {known}")
        return replace(self, **hyper)

    def init(self, parameter: Tensor) -> State:
        """Return the state that a parameter starts with."""
        return self.completed(parameter, {})

    def completed(self, parameter: Tensor, state: State) -> State:
        """Return ``state`` with the slots that it lacks at their starting values.

        A state that has other slots but no counter has been updated before: it counts from 1.
        """
        starts = {**self.slots(), **({STEP: 1.0} if state else {})}
        missing = {k: starts[k] for k in self.slots() if k not in state}
        return {**state, **{k: _start(k, parameter, v) for k, v in missing.items()}}

    def update(
        self,
        parameter: Tensor,
        gradient: Tensor,
        state: State,
        hyper: Mapping[str, Any] | None = None,
    ) -> tuple[Tensor, State]:
        """Return the parameter after one step, and its state.

        ``hyper`` replaces hyperparameters for this step (a learning rate from a schedule, say).
        Raises `ShapeError` or `DTypeError` if the gradient or the state does not fit the parameter.
        """
        check_gradient(self.name, "the parameter", parameter, gradient)
        check_state(self.name, parameter, state)
        rule = self.replaced(hyper) if hyper else self
        with frame("function", f"{rule.name}_update"):
            return rule.advance(parameter, gradient, rule.completed(parameter, state))

    def descent(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Return ±g + λ θ: the direction uphill that a step goes against."""
        signed = -gradient if self.maximize else gradient
        if not applies(self.weight_decay):
            return signed
        return signed + scalar(self.weight_decay, parameter) * parameter


def _start(name: str, parameter: Tensor, value: float) -> Tensor:
    if name == STEP:
        return full((), int(value), dtype=np.dtype("int64"))
    return full_like(parameter, value)


def applies(number: Number) -> bool:
    """Whether a term with this coefficient is there at all (a tensor's always is)."""
    return isinstance(number, Tensor) or number != 0


def scalar(number: Number, like: Tensor) -> Number:
    """Return the number so that it does not change the dtype of ``like`` when multiplied by it."""
    return number.to(like.dtype) if isinstance(number, Tensor) else float(number)


def exact(number: Number) -> Number:
    """Return the number in double precision: step sizes are computed in it for any parameter."""
    return number.to(np.dtype("float64")) if isinstance(number, Tensor) else float(number)


def check_parameter(owner: str, name: str, parameter: Any) -> None:
    """Raise unless ``parameter`` is a tensor of floats."""
    if not isinstance(parameter, Tensor):
        raise ArgumentError(
            f"{owner}: {name} must be a Tensor, got {type(parameter).__name__}; "
            f"pass model.parameters(), or a list of dicts with 'params'"
        )
    if parameter.dtype.kind != "f":
        raise DTypeError(f"{owner}: {name} must be of floats, got {parameter.dtype}")


def check_state(owner: str, parameter: Tensor, state: State) -> None:
    """Raise unless every slot has the parameter's shape and dtype."""
    for name, slot in state.items():
        if name == STEP:
            continue
        if slot.shape != parameter.shape:
            raise ShapeError(
                f"{owner}: the state {name!r} has shape {slot.shape}, but the parameter has shape "
                f"{parameter.shape}; is it another parameter's?"
            )
        if slot.dtype != parameter.dtype:
            raise DTypeError(
                f"{owner}: the state {name!r} is {slot.dtype}, but the parameter is "
                f"{parameter.dtype}; convert a model before making its optimiser"
            )


def check_gradient(owner: str, name: str, parameter: Tensor, gradient: Tensor) -> None:
    """Raise unless the gradient has the parameter's shape and dtype."""
    check_parameter(owner, name, parameter)
    check_parameter(owner, f"the gradient of {name}", gradient)
    if gradient.shape != parameter.shape:
        raise ShapeError(
            f"{owner}: the gradient of {name} has shape {gradient.shape}, "
            f"but the parameter has shape {parameter.shape}"
        )
    if gradient.dtype != parameter.dtype:
        raise DTypeError(
            f"{owner}: the gradient of {name} is {gradient.dtype}, but the parameter is "
            f"{parameter.dtype}; cast one of them"
        )
