"""Optimisers as pure functions over named parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.optim.rule import Rule, State, check_gradient
from lamina.tensors import Tensor


def init_state(rule: Rule, parameters: Mapping[str, Tensor]) -> dict[str, State]:
    """Return the state that ``rule`` starts with, parameter by parameter.

    >>> import lamina
    >>> from lamina.optim import SGDRule
    >>> init_state(SGDRule(momentum=0.9), {"w": lamina.tensor([1.0, 2.0])})
    {'w': {'momentum_buffer': tensor([0., 0.])}}
    """
    return {name: rule.init(parameter) for name, parameter in parameters.items()}


def apply_updates(
    rule: Rule,
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor | None],
    state: Mapping[str, State],
    hyper: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Tensor], dict[str, State]]:
    """Return the parameters and the state after one step of ``rule``; nothing is changed.

    Parameters without a gradient (absent or None) stay as they are. ``hyper`` replaces
    hyperparameters of the rule in this step; numbers may be tensors, so that a compiled step
    takes the learning rate as an input.

    >>> import lamina
    >>> from lamina.optim import SGDRule
    >>> rule, w = SGDRule(), {"w": lamina.tensor([1.0, 2.0])}
    >>> g, rate = {"w": lamina.tensor([1.0, -1.0])}, {"lr": lamina.tensor(0.5)}
    >>> apply_updates(rule, w, g, init_state(rule, w), rate)
    ({'w': tensor([0.5, 2.5])}, {'w': {}})
    """
    stray = sorted(gradients.keys() - parameters.keys())
    if stray:
        raise ArgumentError(f"{rule.name}: a gradient for {stray[0]!r}, which is no parameter")
    chosen = rule.replaced(hyper or {})
    new_parameters, new_state = dict(parameters), dict(state)
    for name, parameter in parameters.items():
        gradient = gradients.get(name)
        if gradient is not None:
            check_gradient(rule.name, f"parameter {name!r}", parameter, gradient)
            updated = chosen.update(parameter, gradient, state.get(name, {}))
            new_parameters[name], new_state[name] = updated
    return new_parameters, new_state
