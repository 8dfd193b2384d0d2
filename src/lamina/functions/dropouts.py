"""Dropout: switch off random elements or channels while training."""

from __future__ import annotations

from math import sqrt

from lamina.core.errors import ShapeError
from lamina.core.types import Shape
from lamina.functions.checks import require_float, require_fraction
from lamina.ops.activations import SELU_ALPHA, SELU_SCALE
from lamina.random import bernoulli, key_stream
from lamina.tensors import Tensor, composite

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]


@composite("dropout")
def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, key: Tensor | None = None
) -> Tensor:
    """Set elements to zero with probability ``p``, divide the others by ``1 - p``.

    The expectation stays. The identity when not ``training``. Which elements: a pure function
    of ``key``, or of the next key of the current stream (`lamina.manual_seed`). Shape and dtype
    are those of ``input``. Errors: `ArgumentError` unless 0 ≤ p ≤ 1, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> y = F.dropout(lamina.ones(1000), 0.2, key=lamina.random.key(0))
    >>> sorted(set(y.tolist())), 0.9 < y.mean().item() < 1.1
    ([0.0, 1.25], True)

    Source: Srivastava et al. 2014, *Dropout*, §10 (scaling while training).
    """
    return _dropout("dropout", input, p, training, input.shape, key)


@composite("dropout1d")
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, *, key: Tensor | None = None
) -> Tensor:
    """Like `dropout`, for whole channels of ``(N, C, L)`` or ``(C, L)``.

    Errors: as `dropout`, and `ShapeError`.

    >>> import lamina, lamina.functions as F
    >>> y = F.dropout1d(lamina.ones(4, 8, 5), key=lamina.random.key(0))
    >>> set(y.sum(2).flatten().tolist()) == {0.0, 10.0}
    True

    Source: Tompson et al. 2015, *Efficient object localization*, §3.2 (SpatialDropout).
    """
    return _dropout("dropout1d", input, p, training, _features("dropout1d", input, 2, 3), key)


@composite("dropout2d")
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, *, key: Tensor | None = None
) -> Tensor:
    """Like `dropout`, for whole channels of ``(N, C, H, W)`` (or ``(N, C, L)``, as in PyTorch).

    Errors: as `dropout`, and `ShapeError`.

    >>> import lamina, lamina.functions as F
    >>> y = F.dropout2d(lamina.ones(4, 8, 2, 2), key=lamina.random.key(0))
    >>> set(y.sum((2, 3)).flatten().tolist()) == {0.0, 8.0}
    True

    Source: Tompson et al. 2015, *Efficient object localization*, §3.2 (SpatialDropout).
    """
    # PyTorch reads three axes as (N, C, L) here, unlike in dropout1d and dropout3d.
    batched = _features("dropout2d", input, 3, 4)
    shape = input.shape[:2] + (1,) * (input.ndim - 2) if input.ndim == 3 else batched
    return _dropout("dropout2d", input, p, training, shape, key)


@composite("dropout3d")
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, *, key: Tensor | None = None
) -> Tensor:
    """Like `dropout`, for whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    Errors: as `dropout`, and `ShapeError`.

    >>> import lamina, lamina.functions as F
    >>> y = F.dropout3d(lamina.ones(4, 8, 2, 2, 1), key=lamina.random.key(0))
    >>> set(y.sum((2, 3, 4)).flatten().tolist()) == {0.0, 8.0}
    True

    Source: Tompson et al. 2015, *Efficient object localization*, §3.2 (SpatialDropout).
    """
    return _dropout("dropout3d", input, p, training, _features("dropout3d", input, 4, 5), key)


@composite("alpha_dropout")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, *, key: Tensor | None = None
) -> Tensor:
    """Set elements to SELU's lower limit with probability ``p``; keep mean 0 and variance 1.

    ``a · (x where kept, else α') + b`` with ``α' = -scale · alpha`` of SELU,
    ``a = ((1 - p)(1 + p α'²))^-½`` and ``b = -a p α'``. Otherwise as `dropout`.

    >>> import lamina, lamina.functions as F
    >>> x = lamina.random.normal(lamina.random.key(0), (4000,))
    >>> y = F.alpha_dropout(x, 0.3, training=True, key=lamina.random.key(1))
    >>> abs(y.mean().item()) < 0.1, abs(y.var(0).item() - 1) < 0.1
    (True, True)

    Source: Klambauer et al. 2017, *Self-normalizing neural networks*, §2.
    """
    return _alpha_dropout("alpha_dropout", input, p, training, input.shape, key)


@composite("feature_alpha_dropout")
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, *, key: Tensor | None = None
) -> Tensor:
    """Like `alpha_dropout`, for whole channels of ``(N, C, *)``.

    >>> import lamina, lamina.functions as F
    >>> x = lamina.ones(2, 6, 5)
    >>> y = F.feature_alpha_dropout(x, training=True, key=lamina.random.key(0))
    >>> bool((y == y[:, :, :1]).all())
    True

    Source: as `alpha_dropout`.
    """
    if input.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: expected input (N, C, *), got {input.shape}")
    shape = input.shape[:2] + (1,) * (input.ndim - 2)
    return _alpha_dropout("feature_alpha_dropout", input, p, training, shape, key)


def _features(function: str, input: Tensor, unbatched: int, batched: int) -> Shape:
    """Return the shape of a mask with one element for each channel (of each sample)."""
    if input.ndim not in (unbatched, batched):
        raise ShapeError(
            f"{function}: expected input with {unbatched} or {batched} axes, got {input.shape}"
        )
    lead = input.shape[: 1 + input.ndim - unbatched]
    return lead + (1,) * (unbatched - 1)


def _dropout(
    function: str, input: Tensor, p: float, training: bool, shape: Shape, key: Tensor | None
) -> Tensor:
    if not _acts(function, input, p, training):
        return input
    if p == 1:
        return input * 0.0
    return input * (_kept(p, shape, key).to(input.dtype) * (1 / (1 - p)))


def _alpha_dropout(
    function: str, input: Tensor, p: float, training: bool, shape: Shape, key: Tensor | None
) -> Tensor:
    if not _acts(function, input, p, training):
        return input
    if p == 1:
        return input * 0.0
    limit = -SELU_SCALE * SELU_ALPHA
    a = 1 / sqrt((1 - p) * (1 + p * limit**2))
    mixed = _kept(p, shape, key).to(input.dtype) * (input - limit) + limit
    return mixed * a - a * p * limit


def _acts(function: str, input: Tensor, p: float, training: bool) -> bool:
    require_float(function, input=input)
    require_fraction(function, "p", p)
    return training and p > 0


def _kept(p: float, shape: Shape, key: Tensor | None) -> Tensor:
    return bernoulli(key_stream().next() if key is None else key, 1 - p, shape)
