"""Lamina as a side of the comparison."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import lamina
import lamina.functions as F
from lamina import nn, optim
from tests.torch_reference.data import Array

Call = Callable[..., Any]


class LaminaSide:
    """Answers of Lamina."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Fixes the seed; Lamina's warnings are failures, so none are silenced."""
        lamina.manual_seed(0)
        yield

    def tensor(self, array: Array, requires_grad: bool = False) -> Any:
        return lamina.tensor(array, requires_grad=requires_grad)

    def array(self, tensor: Any) -> Array:
        return np.array(tensor.detach() if hasattr(tensor, "detach") else tensor)

    def function(self, name: str) -> Call:
        found: Call = getattr(F, name, None) or getattr(lamina, name)
        return found

    def pullback(self, f: Call, primals: Sequence[Array], cotangents: Sequence[Array]) -> Any:
        _, pull = lamina.vjp(f, *map(self.tensor, primals))
        return [self.array(each) for each in pull(tuple(map(self.tensor, cotangents)))]

    def pushforward(self, f: Call, primals: Sequence[Array], tangents: Sequence[Array]) -> Any:
        points, directions = map(self.tensor, primals), map(self.tensor, tangents)
        _, pushed = lamina.jvp(f, tuple(points), tuple(directions))
        return [self.array(each) for each in pushed]

    def layer(self, name: str, kwargs: dict[str, Any], dtype: str) -> Any:
        return getattr(nn, name)(**kwargs).to(np.dtype(dtype))

    def parameter(self, array: Array) -> Any:
        return nn.Parameter(lamina.tensor(array))

    def optimiser(self, name: str) -> Call:
        found: Call = getattr(optim, name)
        return found

    def schedule(self, name: str) -> Call:
        found: Call = getattr(optim.lr_scheduler, name)
        return found

    def clipping(self, name: str) -> Call:
        found: Call = getattr(optim, name)
        return found

    def initialiser(self, name: str) -> Call:
        found: Call = getattr(nn.init, name)
        return found
