"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import Number, within
from lamina.optim.groups import Params
from lamina.optim.optimizer import Optimizer
from lamina.optim.rule import STEP, Rule, State, applies, scalar
from lamina.tensors import Tensor, minimum


@dataclass(frozen=True, kw_only=True, eq=False)
class SGDRule(Rule):
    """The update of `SGD`."""

    # PyTorch counts no steps here: it tells the first one by the missing buffer.
    optional: ClassVar[frozenset[str]] = frozenset({STEP})

    momentum: Number = 0.0
    dampening: Number = 0.0
    nesterov: bool = False

    def check(self) -> None:
        within(self.name, "momentum", self.momentum)
        within(self.name, "dampening", self.dampening, high=1.0, closed=True)
        if self.nesterov and (not applies(self.momentum) or applies(self.dampening)):
            raise ArgumentError(
                f"SGD: nesterov needs a momentum above 0 and no dampening, got "
                f"momentum={self.momentum} and dampening={self.dampening}"
            )

    def slots(self) -> dict[str, float]:
        if not applies(self.momentum):
            return {}
        # Only dampening treats the first step apart, so only then are steps counted.
        return {"momentum_buffer": 0.0} | ({STEP: 0} if applies(self.dampening) else {})

    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        uphill = self.descent(parameter, gradient)
        if applies(self.momentum):
            state = self._gathered(uphill, state)
            velocity = state["momentum_buffer"]
            ahead = uphill + scalar(self.momentum, uphill) * velocity
            uphill = ahead if self.nesterov else velocity
        return parameter - scalar(self.lr, parameter) * uphill, state

    def _gathered(self, uphill: Tensor, state: State) -> State:
        kept = scalar(self.momentum, uphill) * state["momentum_buffer"]
        if not applies(self.dampening):
            return {**state, "momentum_buffer": kept + uphill}
        # The first gradient is taken whole: dampening · min(t, 1) is 0 at t = 0.
        damped = scalar(self.dampening, uphill) * minimum(state[STEP], 1).to(uphill.dtype)
        velocity = kept + (1 - damped) * uphill
        return {**state, "momentum_buffer": velocity, STEP: state[STEP] + 1}


class SGD(Optimizer):
    """Gradient descent, optionally with (Nesterov's) momentum.

    With g ← ±∇L + λ θ:  v ← μ v + (1 - τ) g  (v = g at the first step),  θ ← θ - γ v;
    with ``nesterov`` θ ← θ - γ (g + μ v), and without momentum θ ← θ - γ g.
    γ is ``lr``, μ ``momentum``, τ ``dampening``, λ ``weight_decay``; minus where ``maximize``.

    For plain gradient descent λ is the same as a penalty λ/2 ‖θ‖² added to the loss.

    Source: Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013; nndl §7.2.4.

    >>> import lamina
    >>> theta = lamina.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SGD([theta], lr=0.25)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()
    >>> theta.tolist()
    [0.5, -1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        momentum: Number = 0.0,
        dampening: Number = 0.0,
        weight_decay: Number = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        rule = SGDRule(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )
        super().__init__(params, rule)
