"""The work that is measured, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamina.bench import networks
from lamina.bench.networks import RELU, TANH, Network

MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4


@dataclass(frozen=True)
class Workload:
    """A network and what is done with it: training steps, or inference.

    A training step is forward, mean cross-entropy, backward, and an update by SGD with momentum 0.9
    and weight decay 1e-4, all in float32. Inference is one batch in evaluation mode.
    """

    name: str
    model: str
    network: Network
    batch: int
    shape: tuple[int, ...]
    classes: int = 10
    options: Mapping[str, Any] = field(default_factory=dict)
    trains: bool = True
    lr: float = 0.01

    @property
    def dense_only(self) -> bool:
        """Whether the network is a multi-layer perceptron."""
        return all(
            isinstance(layer, networks.Dense | networks.Activation) for layer in self.network
        )


_MLP = networks.mlp((784, 512, 512, 10), RELU)
_SMALL = networks.mlp((64, 32, 10), TANH)
_LENET = {"activation": "tanh", "pooling": "mean"}
_WIDE = {"sizes": (784, 512, 512, 10), "activation": "relu"}

TRAINING = (
    Workload("mlp", "mlp", _MLP, 128, (784,), options=_WIDE),
    Workload(
        *("mlp_small", "mlp", _SMALL, 32, (64,)),
        options={"sizes": (64, 32, 10), "activation": "tanh"},
    ),
    Workload("lenet5", "lenet", networks.lenet(), 64, (1, 32, 32), options=_LENET),
    Workload("vgg_small", "vgg_small", networks.vgg_small(), 64, (3, 32, 32)),
    Workload("resnet20", "resnet20", networks.cifar_resnet(), 64, (3, 32, 32)),
    Workload("resnet18", "resnet18", networks.resnet18(), 16, (3, 64, 64), 1000, lr=0.0003),
)
INFERENCE = (
    Workload(
        "inference lenet5", "lenet", networks.lenet(), 1, (1, 32, 32), options=_LENET, trains=False
    ),
    Workload("inference mlp", "mlp", _MLP, 1, (784,), options=_WIDE, trains=False),
    Workload(
        "inference vgg_small", "vgg_small", networks.vgg_small(), 1, (3, 32, 32), trains=False
    ),
    Workload(
        *("inference resnet18", "resnet18", networks.resnet18(), 1, (3, 224, 224), 1000),
        trains=False,
    ),
    Workload(
        *("inference alexnet", "alexnet", networks.alexnet(), 1, (3, 224, 224), 1000),
        trains=False,
    ),
)
WORKLOADS = {workload.name: workload for workload in (*TRAINING, *INFERENCE)}
