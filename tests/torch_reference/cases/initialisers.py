"""Initialisers and the layers' default initialisation."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import InitialiserCase, Shape, options

MATRIX: Shape = (250, 240)
KERNEL: Shape = (60, 40, 5, 5)
EXACT: list[tuple[str, Shape, dict[str, Any]]] = [
    ("zeros_", (3, 4), {}),
    ("ones_", (3, 4), {}),
    ("constant_", (3, 4), {"val": 0.3}),
    ("eye_", (3, 4), {}),
    ("dirac_", (4, 3, 3), {}),
    ("dirac_", (4, 2, 3, 3), {"groups": 2}),
    ("zeros_", (0,), {}),
]
RANDOM: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {}),
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {}),
    ("normal_", {"mean": 1.0, "std": 0.2}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 1.5}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("xavier_normal_", {"gain": 0.5}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 0.2, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {"a": 0.2, "nonlinearity": "leaky_relu"}),
    ("kaiming_normal_", {"nonlinearity": "tanh"}),
]
GAINS = ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("Linear", {"in_features": 100, "out_features": 5000}),
    ("Conv1d", {"in_channels": 20, "out_channels": 2000, "kernel_size": 5}),
    ("Conv2d", {"in_channels": 6, "out_channels": 2000, "kernel_size": 5}),
    ("Conv2d", {"in_channels": 6, "out_channels": 2000, "kernel_size": 5, "groups": 2}),
    ("Conv3d", {"in_channels": 3, "out_channels": 1000, "kernel_size": 3}),
    ("ConvTranspose1d", {"in_channels": 50, "out_channels": 2000, "kernel_size": 3}),
    ("ConvTranspose2d", {"in_channels": 20, "out_channels": 1000, "kernel_size": (3, 2)}),
    ("ConvTranspose3d", {"in_channels": 5, "out_channels": 1000, "kernel_size": 2}),
    ("Embedding", {"num_embeddings": 500, "embedding_dim": 100}),
    ("PReLU", {"num_parameters": 5}),
    ("BatchNorm1d", {"num_features": 5}),
    ("BatchNorm2d", {"num_features": 5}),
    ("BatchNorm3d", {"num_features": 5}),
    ("InstanceNorm2d", {"num_features": 5, "affine": True}),
    ("LayerNorm", {"normalized_shape": (3, 4)}),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}),
    ("RMSNorm", {"normalized_shape": 4}),
]


def cases() -> Iterator[InitialiserCase]:
    """All initialiser cases."""
    for name, shape, keywords in EXACT:
        yield _case(name, shape, exact=True, **keywords)
    for name, keywords in RANDOM:
        for shape in (MATRIX, KERNEL):
            yield _case(name, shape, **keywords)
    for shape in [(60, 40), (40, 60), (30, 6, 5)]:
        yield _case("orthogonal_", shape)
        yield _case("orthogonal_", shape, gain=1.5)
    for sparsity in (0.1, 0.5, 0.93):
        yield _case("sparse_", MATRIX, sparsity=sparsity)
    for nonlinearity in GAINS:
        yield _case("calculate_gain", (), nonlinearity=nonlinearity)
    yield _case("calculate_gain", (), nonlinearity="leaky_relu", param=0.3)
    for name, keywords in LAYERS:
        yield InitialiserCase("initialisers", name, kwargs=options(**keywords), layer=True)


def _case(name: str, shape: Shape, exact: bool = False, **keywords: Any) -> InitialiserCase:
    return InitialiserCase("initialisers", name, shape, options(**keywords), exact)
