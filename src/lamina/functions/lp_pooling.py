"""Power-mean pooling: between the sum (p = 1) and the maximum (p → ∞) of each window.

    out[…, y] = (Σ_k input[…, S y + k]^p)^(1/p)

A window that sticks out (``ceil_mode``) counts as if its missing elements were the mean of the
others, as in PyTorch. Where the sum is 0 the derivative is taken as 0. Odd powers keep signs:
the root of a negative sum is NaN; take absolute values first.

Source: Gulcehre et al., *Learned-norm pooling for deep feedforward and recurrent neural
networks*, 2014, §2.
"""

from __future__ import annotations

from math import isfinite, prod

from lamina.core.errors import ArgumentError
from lamina.functions.pooling import mean_windows, pool_windows
from lamina.functions.spatial import Sizes
from lamina.tensors import Tensor, composite, where

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]


@composite("lp_pool1d")
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norms of windows along the last axis; arguments as for `lp_pool2d`.

    >>> from lamina import tensor
    >>> lp_pool1d(tensor([[3.0, 4.0, 0.0, 0.0]]), 2, 2).tolist()
    [[5.0, 0.0]]
    """
    return _lp_pool("lp_pool1d", input, norm_type, kernel_size, stride, ceil_mode)


@composite("lp_pool2d")
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norms of windows over the last two axes (p = ``norm_type``, above 0).

    Shapes: (N, C, H, W) or (C, H, W) to the same with ``(H - K) / S + 1`` rows, rounded up
    with ``ceil_mode``. ``stride`` is the kernel size by default.

    Errors: `ShapeError` if no window fits, `ArgumentError` for impossible arguments.

    >>> from lamina import tensor
    >>> lp_pool2d(tensor([[[1.0, 2.0], [4.0, 2.0]]]), 2, 2).tolist()
    [[[5.0]]]
    """
    return _lp_pool("lp_pool2d", input, norm_type, kernel_size, stride, ceil_mode)


@composite("lp_pool3d")
def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norms of windows over the last three axes; arguments as for `lp_pool2d`.

    >>> from lamina import ones
    >>> lp_pool3d(ones((1, 2, 2, 2)), 1, 2).tolist()
    [[[[8.0]]]]
    """
    return _lp_pool("lp_pool3d", input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    op: str, input: Tensor, p: float, kernel: Sizes, stride: Sizes | None, ceil_mode: bool
) -> Tensor:
    if not (p > 0 and isfinite(p)):
        raise ArgumentError(
            f"{op}: norm_type must be a finite number above 0, got {p}; for a maximum use max_pool"
        )
    windows = pool_windows(op, input, kernel, stride, 0, 1, ceil_mode)
    means = mean_windows(input**p, windows)
    sums = means * prod(w.kernel for w in windows)
    # The root's derivative is infinite at 0: keep 0 away from it.
    empty = sums == 0
    return where(empty, 0.0, where(empty, 1.0, sums) ** (1 / p))
