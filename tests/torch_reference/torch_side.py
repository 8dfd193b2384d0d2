"""PyTorch as a side of the comparison. Importing this module imports torch."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from tests.torch_reference.data import Array

Call = Callable[..., Any]


class TorchSide:
    """Answers of PyTorch itself."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Fixes the seed, silences PyTorch's own warnings, and keeps tiny cases on one thread."""
        torch.manual_seed(0)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            torch.set_num_threads(threads)

    def tensor(self, array: Array, requires_grad: bool = False) -> Any:
        return torch.tensor(array, requires_grad=requires_grad)

    def array(self, tensor: Any) -> Array:
        if not isinstance(tensor, torch.Tensor):
            return np.asarray(tensor)
        values: Array = tensor.detach().numpy().copy()
        return values

    def function(self, name: str) -> Call:
        found: Call = getattr(torch.nn.functional, name, None) or getattr(torch, name)
        return found

    def pullback(self, f: Call, primals: Sequence[Array], cotangents: Sequence[Array]) -> Any:
        leaves = [torch.tensor(array, requires_grad=True) for array in primals]
        weights = [torch.tensor(array) for array in cotangents]
        return self._numbers(_backward(f(*leaves), leaves, weights))

    def pushforward(self, f: Call, primals: Sequence[Array], tangents: Sequence[Array]) -> Any:
        points = [torch.tensor(array) for array in primals]
        directions = [torch.tensor(array) for array in tangents]
        try:
            return self._numbers(_forward_mode(f, points, directions))
        except (RuntimeError, NotImplementedError):  # no forward-mode rule in PyTorch
            return self._numbers(_row_by_row(f, points, directions))

    def _numbers(self, tensors: Sequence[Any]) -> list[Array]:
        return [self.array(each) for each in tensors]

    def layer(self, name: str, kwargs: dict[str, Any], dtype: str) -> Any:
        return getattr(torch.nn, name)(**kwargs).to(getattr(torch, dtype))

    def parameter(self, array: Array) -> Any:
        return torch.nn.Parameter(torch.tensor(array))

    def optimiser(self, name: str) -> Call:
        found: Call = getattr(torch.optim, name)
        return found

    def schedule(self, name: str) -> Call:
        found: Call = getattr(torch.optim.lr_scheduler, name)
        return found

    def clipping(self, name: str) -> Call:
        found: Call = getattr(torch.nn.utils, name)
        return found

    def initialiser(self, name: str) -> Call:
        found: Call = getattr(torch.nn.init, name)
        return found


def _backward(outputs: Sequence[Any], leaves: list[Any], weights: list[Any]) -> list[Any]:
    pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    if not pairs:
        return [torch.zeros_like(leaf) for leaf in leaves]
    seeds = [weight for _, weight in pairs]
    return list(torch.autograd.grad([o for o, _ in pairs], leaves, seeds, materialize_grads=True))


def _forward_mode(f: Call, points: list[Any], directions: list[Any]) -> list[Any]:
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(p, d) for p, d in zip(points, directions, strict=True)]
        unpacked = [forward_ad.unpack_dual(output) for output in f(*duals)]
        return [torch.zeros_like(v) if t is None else t.clone() for v, t in unpacked]


def _row_by_row(f: Call, points: list[Any], directions: list[Any]) -> list[Any]:
    """The tangent J·d with each row of J from one backward pass."""
    leaves = [point.clone().requires_grad_() for point in points]
    outputs = f(*leaves)
    return [_tangent_of(output, leaves, directions) for output in outputs]


def _tangent_of(output: Any, leaves: list[Any], directions: list[Any]) -> Any:
    tangent = torch.zeros_like(output).flatten()
    for i in range(output.numel() if output.requires_grad else 0):
        row = torch.autograd.grad(
            output.flatten()[i], leaves, retain_graph=True, materialize_grads=True
        )
        tangent[i] = sum((r * d).sum() for r, d in zip(row, directions, strict=True))
    return tangent.reshape(output.shape)
