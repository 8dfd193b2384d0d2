"""Losses between numbers, the divergence between distributions, and structured risk."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.core.errors import ArgumentError
from lamina.functions.checks import (
    reduced,
    require_float,
    require_reduction,
    require_same_shape,
)
from lamina.ops import activations
from lamina.tensors import Tensor, composite, pointwise, zeros

__all__ = [
    "frobenius_penalty",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


@composite("mse_loss")
def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared error ``(input - target)²``: its mean, sum, or (``"none"``) all of it.

    Shapes must be equal. Errors: `ShapeError`, `DTypeError` unless input is float,
    `ArgumentError` for another reduction.

    >>> import lamina, lamina.functions as F
    >>> F.mse_loss(lamina.tensor([1.0, 2.0]), lamina.tensor([1.0, 4.0])).item()
    2.0

    Source: Qiu, *Neural Networks and Deep Learning*, §2.2.2 (there with a factor ½).
    """
    return reduced("mse_loss", _error("mse_loss", input, target).square(), reduction)


@composite("l1_loss")
def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Absolute error ``|input - target|``; the derivative is 0 where they are equal.

    Shapes, reductions and errors are those of `mse_loss`.

    >>> import lamina, lamina.functions as F
    >>> F.l1_loss(lamina.tensor([1.0, 2.0]), lamina.tensor([1.0, 4.0])).item()
    1.0

    Source: Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, §10.6.
    """
    return reduced("l1_loss", _error("l1_loss", input, target).abs(), reduction)


@composite("huber_loss")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """Squared error ``e²/2`` for ``|e| < delta``, beyond it ``delta · (|e| - delta/2)``.

    Shapes, reductions and errors are those of `mse_loss`; `ArgumentError` unless delta > 0.

    >>> import lamina, lamina.functions as F
    >>> F.huber_loss(lamina.tensor([1.0, 3.0]), lamina.zeros(2), reduction="none").tolist()
    [0.5, 2.5]

    Source: Huber 1964, *Robust estimation of a location parameter*.
    """
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    error = _error("huber_loss", input, target)
    return reduced("huber_loss", pointwise(activations.huber(delta), error), reduction)


@composite("smooth_l1_loss")
def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Huber's loss divided by ``beta``: slope ±1 for ``|e| ≥ beta``; `l1_loss` for beta = 0.

    Shapes, reductions and errors are those of `mse_loss`; `ArgumentError` unless beta ≥ 0.

    >>> import lamina, lamina.functions as F
    >>> x = lamina.tensor([1.0, 3.0])
    >>> F.smooth_l1_loss(x, lamina.zeros(2), reduction="none", beta=2.0).tolist()
    [0.25, 2.0]

    Source: Girshick 2015, *Fast R-CNN*, eq. 3.
    """
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    error = _error("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced("smooth_l1_loss", error.abs(), reduction)
    losses = pointwise(activations.huber(beta), error) / beta
    return reduced("smooth_l1_loss", losses, reduction)


@composite("kl_div")
def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Terms ``t (log t - input)`` of KL(t ‖ exp(input)) for log-probabilities ``input``.

    ``target`` holds probabilities t, or log t with ``log_target``. 0 log 0 = 0. Only the
    reduction ``"batchmean"``, the sum over the first axis' length, is the divergence itself.
    Shapes, other reductions and errors are those of `mse_loss`.

    >>> import lamina, lamina.functions as F
    >>> p = lamina.tensor([[0.5, 0.5]])
    >>> F.kl_div(p.log(), p, reduction="batchmean").item()
    0.0

    Source: Kullback and Leibler 1951; Qiu, *Neural Networks and Deep Learning*, appendix E.
    """
    require_reduction("kl_div", reduction, ("batchmean",))
    require_float("kl_div", input=input, target=target)
    require_same_shape("kl_div", input=input, target=target)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = pointwise(activations.xlogy, target, target) - target * input
    if reduction != "batchmean":
        return reduced("kl_div", losses, reduction)
    return losses.sum() / (input.shape[0] if input.ndim else 1)


def frobenius_penalty(parameters: Tensor | Iterable[Tensor], strength: float) -> Tensor:
    """Structured risk's term ``λ/2 Σ ‖W‖_F²`` over the chosen parameters, with λ = strength.

    Its gradient is λ W: what an optimiser's ``weight_decay=λ`` adds in plain SGD.
    Errors: `ArgumentError` for a negative strength, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.frobenius_penalty([lamina.tensor([[3.0, 0.0], [0.0, 4.0]])], strength=0.1).item()
    1.25

    Source: Qiu, *Neural Networks and Deep Learning*, §4.4, eq. 4.43.
    """
    if strength < 0:
        raise ArgumentError(f"frobenius_penalty: strength must not be negative, got {strength}")
    chosen = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return _half_squares(chosen, strength)


@composite("frobenius_penalty")
def _half_squares(parameters: list[Tensor], strength: float) -> Tensor:
    total = zeros(())
    for parameter in parameters:
        require_float("frobenius_penalty", parameters=parameter)
        total = total + parameter.square().sum()
    return total * (strength / 2)


def _error(function: str, input: Tensor, target: Tensor) -> Tensor:
    require_float(function, input=input)
    require_same_shape(function, input=input, target=target)
    return input - target
