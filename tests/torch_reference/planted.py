"""Sides with a planted fault, to show that the comparison notices each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.torch_reference.data import Array
from tests.torch_reference.side import Call, Side


class Faulty:
    """A side that passes everything on to a correct one; subclasses get one thing wrong."""

    def __init__(self, base: Side) -> None:
        self.base = base

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


class ReversedGradients(Faulty):
    """The gradients come in the wrong order."""

    def pullback(self, f: Call, primals: Sequence[Array], cotangents: Sequence[Array]) -> Any:
        return self.base.pullback(f, primals, cotangents)[::-1]


class NegatedGradients(Faulty):
    """The gradients have the wrong sign."""

    def pullback(self, f: Call, primals: Sequence[Array], cotangents: Sequence[Array]) -> Any:
        return [-each for each in self.base.pullback(f, primals, cotangents)]


class ForgottenTangents(Faulty):
    """Only the first input's tangent is pushed forward."""

    def pushforward(self, f: Call, primals: Sequence[Array], tangents: Sequence[Array]) -> Any:
        zeros = [np.zeros_like(each) for each in tangents[1:]]
        return self.base.pushforward(f, primals, [tangents[0], *zeros])


class Transposed(Faulty):
    """Square results are transposed, which no check of shapes can notice."""

    def array(self, tensor: Any) -> Array:
        values = self.base.array(tensor)
        square = values.ndim > 1 and values.shape[-1] == values.shape[-2]
        return values.swapaxes(-1, -2) if square else values


class SinglePrecision(Faulty):
    """Results have passed through float32."""

    def array(self, tensor: Any) -> Array:
        values = self.base.array(tensor)
        return values.astype(np.float32).astype(values.dtype)


class LastElementOff(Faulty):
    """The last element of each result is off by one part in ten million."""

    def array(self, tensor: Any) -> Array:
        values = self.base.array(tensor)
        if values.size and values.dtype.kind == "f":
            values.flat[-1] *= 1 + 1e-7
        return values


class InfinityForNaN(Faulty):
    """Infinity stands where NaN should."""

    def array(self, tensor: Any) -> Array:
        values = self.base.array(tensor)
        return np.where(np.isnan(values), np.inf, values)


class NarrowIndices(Faulty):
    """Indices have too small a type."""

    def array(self, tensor: Any) -> Array:
        values = self.base.array(tensor)
        return values.astype(np.int32) if values.dtype == np.int64 else values


class Frozen(Faulty):
    """Layers ignore `train` and `eval`."""

    def layer(self, name: str, kwargs: dict[str, Any], dtype: str) -> Any:
        module = self.base.layer(name, kwargs, dtype)
        module.train = lambda mode=True: module
        return module


@dataclass(frozen=True)
class Ignoring:
    """A side that ignores one keyword argument, as a factory like the classes above."""

    keyword: str

    def __call__(self, base: Side) -> Side:
        side = Faulty(base)
        for kind in ("function", "optimiser", "schedule", "clipping", "initialiser"):
            setattr(side, kind, self._without(getattr(base, kind)))
        return side

    def _without(self, lookup: Callable[[str], Call]) -> Callable[[str], Call]:
        def found(name: str) -> Call:
            def call(*args: Any, **kwargs: Any) -> Any:
                kwargs.pop(self.keyword, None)
                return lookup(name)(*args, **kwargs)

            return call

        return found


FAULTS: list[tuple[Callable[[Side], Any], str]] = [
    (ReversedGradients, "tensors/sub"),
    (NegatedGradients, "activations/mish"),
    (NegatedGradients, "convolution/conv2d"),
    (ForgottenTangents, "linear/matmul"),
    (ForgottenTangents, "convolution/conv_transpose1d"),
    (Transposed, "tensors/transpose"),
    (SinglePrecision, "pooling/avg_pool2d"),
    (LastElementOff, "normalisation/softmax"),
    (LastElementOff, "optimisers/Adadelta"),
    (InfinityForNaN, "tensors/mean"),
    (NarrowIndices, "pooling/max_pool2d"),
    (Frozen, "layers/BatchNorm2d"),
    (Ignoring("count_include_pad"), "pooling/avg_pool1d"),
    (Ignoring("output_padding"), "convolution/conv_transpose3d"),
    (Ignoring("align_corners"), "padding/interpolate"),
    (Ignoring("label_smoothing"), "losses/cross_entropy"),
    (Ignoring("ignore_index"), "losses/nll_loss"),
    (Ignoring("pos_weight"), "losses/binary_cross_entropy_with_logits"),
    (Ignoring("weight_decay"), "optimisers/SGD"),
    (Ignoring("weight_decay"), "optimisers/AdamW"),
    (Ignoring("nesterov"), "optimisers/SGD"),
    (Ignoring("centered"), "optimisers/RMSprop"),
    (Ignoring("amsgrad"), "optimisers/Adam"),
    (Ignoring("norm_type"), "optimisers/SGD"),
    (Ignoring("eta_min"), "schedules/CosineAnnealingLR"),
    (Ignoring("cooldown"), "schedules/ReduceLROnPlateau"),
    (Ignoring("mode"), "initialisers/kaiming_normal_"),
    (Ignoring("gain"), "initialisers/xavier_uniform_"),
]
"""Faulty sides, each with a group of cases in which the fault shows."""
