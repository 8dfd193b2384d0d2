"""A module's mode, training or evaluation, for the time of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.nn.module import Module


@contextmanager
def evaluation(module: Module) -> Iterator[None]:
    """Put a module in evaluation mode inside the block; after it every part has its own mode again.

    Gradients and the stream of keys are left alone; see `lamina.no_grad`, `lamina.random.use_keys`.

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3).eval())
    >>> with evaluation(model):
    ...     [part.training for part in model.modules()]
    [False, False, False]
    >>> [part.training for part in model.modules()]
    [True, True, False]
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training
