"""AdaGrad: each element's step divided by the root of its summed squared gradients."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.functions.number_checks import Number, within
from lamina.optim.groups import Params
from lamina.optim.optimizer import Optimizer
from lamina.optim.rule import STEP, Rule, State, exact, scalar
from lamina.tensors import Tensor, sqrt, square


@dataclass(frozen=True, kw_only=True, eq=False)
class AdagradRule(Rule):
    """The update of `Adagrad`."""

    lr: Number = 1e-2
    lr_decay: Number = 0.0
    initial_accumulator_value: float = 0.0
    eps: Number = 1e-10

    def check(self) -> None:
        within(self.name, "lr_decay", self.lr_decay)
        within(self.name, "initial_accumulator_value", self.initial_accumulator_value)
        within(self.name, "eps", self.eps)

    def slots(self) -> dict[str, float]:
        return {STEP: 0, "sum": float(self.initial_accumulator_value)}

    def advance(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        uphill = self.descent(parameter, gradient)
        total = state["sum"] + square(uphill)
        rate = exact(self.lr) / (1 + exact(state[STEP]) * exact(self.lr_decay))
        scaled = uphill / (sqrt(total) + scalar(self.eps, parameter))
        new = {**state, STEP: state[STEP] + 1, "sum": total}
        return parameter - scalar(rate, parameter) * scaled, new


class Adagrad(Optimizer):
    """Steps that shrink, element by element, with the gradients seen so far.

    With g ← ±∇L + λ θ at step t = 1, 2, …:  s ← s + g²,
    θ ← θ - γ / (1 + (t - 1) η) · g / (√s + ε).  η is ``lr_decay``; s starts from
    ``initial_accumulator_value``.

    Source: Duchi, Hazan & Singer 2011; nndl §7.2.3.

    >>> import lamina
    >>> theta = lamina.tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([theta], lr=0.5)
    >>> (theta**2).sum().backward()
    >>> optimizer.step()  # g / √g² is 1
    >>> theta.tolist()
    [0.5]
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        lr_decay: Number = 0.0,
        weight_decay: Number = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: Number = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        rule = AdagradRule(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )
        super().__init__(params, rule)
