"""RMSprop: each element's step divided by a running root mean square of its gradients."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.functions.number_checks import Number, within
from lamina.optim.groups import Params
from lamina.optim.optimizer import Optimizer
from lamina.optim.rule import STEP, Rule, State, applies, scalar
from lamina.tensors import Tensor, sqrt, square


@dataclass(frozen=True, kw_only=True, eq=False)
class RMSpropRule(Rule):
    """The update of `RMSprop`."""

    lr: Number = 1e-2
    alpha: Number = 0.99
    eps: Number = 1e-8
    momentum: Number = 0.0
    centered: bool = False

    def check(self) -> None:
        within(self.name, "alpha", self.alpha, high=1.0, closed=True)
        within(self.name, "eps", self.eps)
        within(self.name, "momentum", self.momentum)

    def slots(self) -> dict[str, float]:
        names = [STEP, "square_avg"]
        names += ["momentum_buffer"] if applies(self.momentum) else []
        names += ["grad_avg"] if self.centered else []
        return dict.fromkeys(names, 0.0)

    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        uphill = self.descent(parameter, gradient)
        new = {**state, STEP: state[STEP] + 1, **self._averages(uphill, state)}
        change = uphill / (self._spread(new) + scalar(self.eps, uphill))
        if applies(self.momentum):
            change = scalar(self.momentum, uphill) * state["momentum_buffer"] + change
            new["momentum_buffer"] = change
        return parameter - scalar(self.lr, parameter) * change, new

    def _averages(self, uphill: Tensor, state: State) -> State:
        alpha = scalar(self.alpha, uphill)
        new = {"square_avg": alpha * state["square_avg"] + (1 - alpha) * square(uphill)}
        if self.centered:
            mean = state["grad_avg"]
            new["grad_avg"] = mean + (1 - alpha) * (uphill - mean)
        return new

    def _spread(self, state: State) -> Tensor:
        if not self.centered:
            return sqrt(state["square_avg"])
        return sqrt(state["square_avg"] - square(state["grad_avg"]))


class RMSprop(Optimizer):
    """Steps divided by the running size of the gradient.

    With g ← ±∇L + λ θ:  s ← α s + (1 - α) g²,  m ← α m + (1 - α) g (if ``centered``),
    d = g / (√s + ε), or g / (√(s - m²) + ε) if ``centered``;
    θ ← θ - γ d, or with a momentum μ  b ← μ b + d,  θ ← θ - γ b.

    Source: Tieleman & Hinton 2012 (lecture 6.5); Graves 2013 (centred); nndl §7.2.3.

    >>> import lamina
    >>> theta = lamina.tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([theta], lr=0.1, alpha=0.75)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()  # g / √(g² / 4) is 2
    >>> round(theta.item(), 6)
    0.8
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        alpha: Number = 0.99,
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        momentum: Number = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        rule = RMSpropRule(
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )
        super().__init__(params, rule)
