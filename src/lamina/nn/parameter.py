"""`Parameter`: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

from lamina.core.node import constant
from lamina.tensors import Tensor, tensor


class Parameter(Tensor):
    """A tensor with ``requires_grad`` that a `Module` registers when it is assigned as attribute.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        given = data if isinstance(data, Tensor) else tensor(data)
        super().__init__(constant(given.value))
        if requires_grad:
            self.requires_grad_()
