"""AdaDelta: steps in the units of the parameter, from the running size of earlier steps."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.functions.number_checks import Number, within
from lamina.optim.groups import Params
from lamina.optim.optimizer import Optimizer
from lamina.optim.rule import STEP, Rule, State, scalar
from lamina.tensors import Tensor, sqrt, square


@dataclass(frozen=True, kw_only=True, eq=False)
class AdadeltaRule(Rule):
    """The update of `Adadelta`."""

    lr: Number = 1.0
    rho: Number = 0.9
    eps: Number = 1e-6

    def check(self) -> None:
        within(self.name, "rho", self.rho, high=1.0, closed=True)
        within(self.name, "eps", self.eps)

    def slots(self) -> dict[str, float]:
        return {STEP: 0, "square_avg": 0.0, "acc_delta": 0.0}

    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        uphill = self.descent(parameter, gradient)
        rho, eps = scalar(self.rho, uphill), scalar(self.eps, uphill)
        gradients = rho * state["square_avg"] + (1 - rho) * square(uphill)
        change = sqrt(state["acc_delta"] + eps) / sqrt(gradients + eps) * uphill
        new = {
            **state,
            STEP: state[STEP] + 1,
            "square_avg": gradients,
            "acc_delta": rho * state["acc_delta"] + (1 - rho) * square(change),
        }
        return parameter - scalar(self.lr, parameter) * change, new


class Adadelta(Optimizer):
    """Steps that need no learning rate: the ratio of running sizes of steps and of gradients.

    With g ← ±∇L + λ θ:  s ← ρ s + (1 - ρ) g²,  d = √(u + ε) / √(s + ε) · g,
    u ← ρ u + (1 - ρ) d²,  θ ← θ - γ d.

    Source: Zeiler 2012; nndl §7.2.3.

    >>> import lamina
    >>> theta = lamina.tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([theta], eps=1.0)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()  # 1 - 2 / √(0.1 · 2² + 1)
    >>> round(theta.item(), 4)
    -0.6903
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        rho: Number = 0.9,
        eps: Number = 1e-6,
        weight_decay: Number = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        rule = AdadeltaRule(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, rule)
