"""Adam and AdamW: momentum and RMSprop together, both corrected for starting from zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import Number, within
from lamina.optim.groups import Params
from lamina.optim.optimizer import Optimizer
from lamina.optim.rule import STEP, Rule, State, exact, scalar
from lamina.tensors import Tensor, maximum, sqrt, square


@dataclass(frozen=True, kw_only=True, eq=False)
class AdamRule(Rule):
    """The update of `Adam` and, with ``decoupled_weight_decay``, of `AdamW`."""

    betas: tuple[Number, Number] = (0.9, 0.999)
    eps: Number = 1e-8
    amsgrad: bool = False
    decoupled_weight_decay: bool = False

    @property
    def name(self) -> str:
        return "AdamW" if self.decoupled_weight_decay else "Adam"

    def check(self) -> None:
        _check_pair(self.name, self.betas)
        within(self.name, "betas[0]", self.betas[0], high=1.0)
        within(self.name, "betas[1]", self.betas[1], high=1.0)
        within(self.name, "eps", self.eps)

    def slots(self) -> dict[str, float]:
        names = [STEP, "exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * self.amsgrad
        return dict.fromkeys(names, 0.0)

    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        new = {**state, **self._moments(self._uphill(parameter, gradient), state)}
        size, root = self._corrections(new[STEP])
        second = new["max_exp_avg_sq" if self.amsgrad else "exp_avg_sq"]
        spread = sqrt(second) / scalar(root, parameter) + scalar(self.eps, parameter)
        change = scalar(size, parameter) * (new["exp_avg"] / spread)
        return self._decayed(parameter) - change, new

    def _uphill(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        if not self.decoupled_weight_decay:
            return self.descent(parameter, gradient)
        return -gradient if self.maximize else gradient

    def _decayed(self, parameter: Tensor) -> Tensor:
        if not self.decoupled_weight_decay:
            return parameter
        return parameter * scalar(1 - exact(self.lr) * exact(self.weight_decay), parameter)

    def _moments(self, uphill: Tensor, state: State) -> State:
        beta1, beta2 = (scalar(beta, uphill) for beta in self.betas)
        first = state["exp_avg"]
        second = beta2 * state["exp_avg_sq"] + (1 - beta2) * square(uphill)
        new = {
            STEP: state[STEP] + 1,
            "exp_avg": first + (1 - beta1) * (uphill - first),
            "exp_avg_sq": second,
        }
        if self.amsgrad:
            new["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], second)
        return new

    def _corrections(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return γ / (1 - β₁ᵗ) and √(1 - β₂ᵗ)."""
        t = exact(step)
        beta1, beta2 = (exact(beta) for beta in self.betas)
        return exact(self.lr) / (1 - beta1**t), sqrt(1 - beta2**t)


def _check_pair(owner: str, betas: Any) -> None:
    if not isinstance(betas, tuple) or len(betas) != 2:
        raise ArgumentError(f"{owner}: betas must be a tuple of two numbers, got {betas!r}")


class Adam(Optimizer):
    """Adaptive moments: steps along the running mean gradient, divided by its running size.

    With g ← ±∇L + λ θ at step t = 1, 2, …:  m ← β₁ m + (1 - β₁) g,  s ← β₂ s + (1 - β₂) g²,
    θ ← θ - γ m̂ / (√ŝ + ε)  with  m̂ = m / (1 - β₁ᵗ),  ŝ = s / (1 - β₂ᵗ).
    With ``amsgrad`` the largest s so far stands for s; ``decoupled_weight_decay`` makes it `AdamW`.

    Source: Kingma & Ba 2015; Reddi, Kale & Kumar 2018 (AMSGrad); nndl §7.2.4.3.

    >>> import lamina
    >>> theta = lamina.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([theta], lr=0.25)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()  # the first step has length lr
    >>> round(theta.item(), 6)
    0.75
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        rule = AdamRule(
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        super().__init__(params, rule)


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly instead of entering the gradient.

    θ ← (1 - γ λ) θ, then Adam's step with g = ±∇L (see `Adam`).

    Source: Loshchilov & Hutter 2019.

    >>> import lamina
    >>> theta = lamina.tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([theta], lr=0.25, weight_decay=0.5)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()  # 1 · (1 - 0.25 · 0.5) - 0.25
    >>> round(theta.item(), 6)
    0.625
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )
