"""Layers: parameters under PyTorch's names, outputs, gradients and buffers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.torch_reference.case import LayerCase, Shape, options
from tests.torch_reference.cases.convolution import each_axis
from tests.torch_reference.cases.grid import EXTENTS, combinations, leads
from tests.torch_reference.data import Input

ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("ReLU", {}),
    ("ReLU6", {}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.3}),
    ("Hardsigmoid", {}),
    ("Hardswish", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("PReLU", {}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.5}),
    ("SELU", {}),
    ("CELU", {}),
    ("CELU", {"alpha": 0.5}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}),
    ("Softsign", {}),
    ("SiLU", {}),
    ("Mish", {}),
    ("LogSigmoid", {}),
    ("Softshrink", {}),
    ("Softshrink", {"lambd": 0.8}),
    ("Hardshrink", {}),
    ("Hardshrink", {"lambd": 0.8}),
    ("Tanhshrink", {}),
    ("Threshold", {"threshold": 0.2, "value": -1.0}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
    ("Identity", {}),
    ("Flatten", {}),
]
BATCHES: dict[int, list[Shape]] = {
    1: [(4, 3), (4, 3, 5), (2, 3, 1)],
    2: [(2, 3, 4, 5), (3, 3, 1, 1)],
    3: [(2, 3, 2, 3, 4)],
}


def cases() -> Iterator[LayerCase]:
    """All layer cases."""
    yield from _linear()
    yield from _convolution()
    yield from _pooling()
    yield from _batch_norm()
    yield from _instance_norm()
    yield from _other_norms()
    yield from _activations()
    yield from _arrangement()
    yield from _dropout()


def _layer(name: str, *shapes: Shape, **keywords: Any) -> LayerCase:
    return LayerCase("layers", name, tuple(map(Input, shapes)), options(**keywords))


def _linear() -> Iterator[LayerCase]:
    for bias in (True, False):
        for lead in [(), (4,), (0,), (2, 3)]:
            shape = (*lead, 3)
            yield _layer("Linear", shape, in_features=3, out_features=4, bias=bias)
        yield _layer("Linear", (1, 1), in_features=1, out_features=1, bias=bias)
    for shape in [(4,), (2, 3), (0,)]:
        inputs = (Input(shape, "integers", 0, 5),)
        for padding in (None, 1):
            keywords = options(num_embeddings=5, embedding_dim=3, padding_idx=padding)
            yield LayerCase("layers", "Embedding", inputs, keywords)

    for lead in [(4,), (0,), (2, 3)]:
        for bias in (True, False):
            sizes = {"in1_features": 3, "in2_features": 2, "out_features": 4}
            yield _layer("Bilinear", (*lead, 3), (*lead, 2), **sizes, bias=bias)


def _convolution() -> Iterator[LayerCase]:
    for axes in (1, 2, 3):
        for choice in combinations(
            stride=[1, 2], padding=[0, 1], groups=[1, 2], bias=[True, False], lead=leads(4)[::2]
        ):
            shape = (*choice.pop("lead"), *EXTENTS[axes])
            channels = {"in_channels": 4, "out_channels": 6, "kernel_size": 3}
            yield _layer(f"Conv{axes}d", shape, **channels, **choice)
            yield _layer(f"ConvTranspose{axes}d", shape, **channels, **choice)
        empty = (0, 4, *EXTENTS[axes])
        yield _layer(f"Conv{axes}d", empty, in_channels=4, out_channels=2, kernel_size=2)
        for mode in ("zeros", "reflect", "replicate", "circular"):
            yield _padded_convolution(axes, mode, 1)
            yield _padded_convolution(axes, mode, "same")
        shape = (2, 3, *EXTENTS[axes])
        transposed = {"in_channels": 3, "out_channels": 2, "kernel_size": 2, "stride": 3}
        yield _layer(f"ConvTranspose{axes}d", shape, **transposed, output_padding=1)
        yield _layer(f"ConvTranspose{axes}d", shape, **transposed, dilation=2)


def _padded_convolution(axes: int, mode: str, padding: Any) -> LayerCase:
    shape = (2, 3, *EXTENTS[axes])
    channels = {"in_channels": 3, "out_channels": 2, "kernel_size": 3}
    return _layer(f"Conv{axes}d", shape, **channels, padding=padding, padding_mode=mode)


def _pooling() -> Iterator[LayerCase]:
    for axes in (1, 2, 3):
        for lead in leads(3):
            shape = (*lead, *EXTENTS[axes])
            spread = (Input(shape, "distinct"),)
            for keywords in ({}, {"stride": 1, "padding": 1}, {"ceil_mode": True}):
                window = options(kernel_size=3, **keywords)
                yield LayerCase("layers", f"MaxPool{axes}d", spread, window)
                yield _layer(f"AvgPool{axes}d", shape, kernel_size=3, **keywords)
            yield _layer(f"LPPool{axes}d", shape, norm_type=2, kernel_size=2)
            yield _layer(f"AdaptiveAvgPool{axes}d", shape, output_size=2)
            size = options(output_size=3)
            yield LayerCase("layers", f"AdaptiveMaxPool{axes}d", spread, size)
        indexed = options(kernel_size=2, return_indices=True)
        yield LayerCase("layers", f"MaxPool{axes}d", spread, indexed)


def _modes(name: str, shape: Shape, **keywords: Any) -> Iterator[LayerCase]:
    for train, calls in ((True, 1), (True, 3), (False, 1)):
        inputs = (Input(shape),)
        yield LayerCase("layers", name, inputs, options(**keywords), train, calls)


def _batch_norm() -> Iterator[LayerCase]:
    for axes, shapes in BATCHES.items():
        for shape in shapes:
            name = f"BatchNorm{axes}d"
            yield from _modes(name, shape, num_features=3)
            yield from _modes(name, shape, num_features=3, eps=1e-2, momentum=0.4)
            yield from _modes(name, shape, num_features=3, momentum=None)
            yield from _modes(name, shape, num_features=3, affine=False)
            yield from _modes(name, shape, num_features=3, track_running_stats=False)
    yield LayerCase("layers", "BatchNorm1d", (Input((0, 3)),), options(num_features=3), False)
    yield LayerCase("layers", "BatchNorm1d", (Input((1, 3)),), options(num_features=3), False)


def _instance_norm() -> Iterator[LayerCase]:
    for axes in (1, 2, 3):
        for lead in [(2, 3), (3,), (1, 3)]:
            name, shape = f"InstanceNorm{axes}d", (*lead, *EXTENTS[axes])
            yield _layer(name, shape, num_features=3)
            yield _layer(name, shape, num_features=3, affine=True, eps=1e-2)
            yield from _modes(name, shape, num_features=3, track_running_stats=True)


def _other_norms() -> Iterator[LayerCase]:
    for shape in [(2, 4), (3, 2, 4), (0, 4), (4,)]:
        for affine in (True, False):
            keywords = {"normalized_shape": 4, "elementwise_affine": affine}
            yield _layer("LayerNorm", shape, **keywords)
            yield _layer("RMSNorm", shape, **keywords)
            yield _layer("RMSNorm", shape, **keywords, eps=1e-2)
        yield _layer("LayerNorm", shape, normalized_shape=4, bias=False)
    yield _layer("LayerNorm", (3, 2, 4), normalized_shape=(2, 4), eps=1e-2)
    yield _layer("RMSNorm", (3, 2, 4), normalized_shape=(2, 4))
    for shape in [(2, 4), (2, 4, 5), (2, 4, 3, 2), (0, 4, 3)]:
        for groups in (1, 2):
            for affine in (True, False):
                keywords = {"num_groups": groups, "num_channels": 4, "affine": affine}
                yield _layer("GroupNorm", shape, **keywords)
    for shape in [(2, 5, 4), (2, 6, 3, 4)]:
        yield _layer("LocalResponseNorm", shape, size=3)
        yield _layer("LocalResponseNorm", shape, size=4, alpha=0.2, beta=0.5, k=2.0)


def _activations() -> Iterator[LayerCase]:
    for name, keywords in ACTIVATIONS:
        for shape in [(3, 4), (2, 3, 2, 2), (0, 3)]:
            layer = _layer(name, shape, **keywords)
            # PyTorch's derivative of this one is 1/6 rounded to float32.
            yield replace(layer, dtype="float32") if name == "Hardsigmoid" else layer
    for shape in [(2, 3, 4), (5, 3)]:
        yield _layer("PReLU", shape, num_parameters=3, init=0.1)
    yield _layer("GLU", (2, 4))
    yield _layer("GLU", (2, 4, 3), dim=1)
    yield _layer("Softmax2d", (2, 3, 2, 2))
    yield _layer("Softmin", (2, 3), dim=1)


def _arrangement() -> Iterator[LayerCase]:
    yield _layer("Flatten", (2, 3, 4), start_dim=0)
    yield _layer("Flatten", (2, 3, 4, 2), start_dim=1, end_dim=2)
    yield _layer("Unflatten", (2, 6), dim=1, unflattened_size=(2, 3))
    yield _layer("Unfold", (2, 3, 5, 5), kernel_size=2, stride=2, padding=1)
    yield _layer("Fold", (2, 12, 9), output_size=(4, 4), kernel_size=2)
    yield _layer("PixelShuffle", (2, 4, 3, 3), upscale_factor=2)
    yield _layer("PixelUnshuffle", (2, 1, 4, 4), downscale_factor=2)
    yield _layer("Upsample", (2, 3, 4, 4), scale_factor=2)
    yield _layer("Upsample", (2, 3, 4, 4), size=(6, 5), mode="bilinear")
    for corners in (True, False):
        keywords = {"mode": "bilinear", "align_corners": corners}
        yield _layer("Upsample", (1, 2, 3, 4), scale_factor=1.5, **keywords)
    for axes in (1, 2, 3):
        for name in ("Zero", "Reflection", "Replication", "Circular"):
            shape = (2, 3, *EXTENTS[axes])
            yield _layer(f"{name}Pad{axes}d", shape, padding=1)
            sides = each_axis(1, axes) + each_axis(2, axes)
            yield _layer(f"{name}Pad{axes}d", shape, padding=sides)
        yield _layer(f"ConstantPad{axes}d", shape, padding=1, value=0.7)


def _dropout() -> Iterator[LayerCase]:
    """Without randomness: in evaluation, and with the probabilities zero and one."""
    for name, shape in [
        ("Dropout", (3, 4)),
        ("Dropout1d", (2, 3, 4)),
        ("Dropout2d", (2, 3, 2, 2)),
        ("Dropout3d", (2, 3, 2, 2, 1)),
    ]:
        yield LayerCase("layers", name, (Input(shape),), options(p=0.5), train=False)
        for p in (0.0, 1.0):
            yield LayerCase("layers", name, (Input(shape),), options(p=p))
    for name, shape in [("AlphaDropout", (3, 4)), ("FeatureAlphaDropout", (2, 3, 4))]:
        yield LayerCase("layers", name, (Input(shape),), options(p=0.5), train=False)
        yield LayerCase("layers", name, (Input(shape),), options(p=0.0))
    yield LayerCase("layers", "RReLU", (Input((3, 4)),), train=False)
    slopes = options(lower=0.2, upper=0.4)
    yield LayerCase("layers", "RReLU", (Input((3, 4)),), slopes, train=False)
