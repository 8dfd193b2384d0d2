"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lamina.core.errors import ArgumentError
from lamina.nn.containers import Sequential
from lamina.nn.layers.arrangement import Flatten
from lamina.nn.layers.linear import Linear
from lamina.nn.models.activations import Activation, make_activation
from lamina.nn.models.registry import register
from lamina.nn.module import Module


class MLP(Sequential):
    """Dense layers of the given sizes with an activation between them; inputs are flattened.

    ``sizes`` are the numbers of inputs, of units of each hidden layer, and of outputs. The
    layers are ``flatten``, ``linear1``, ``activation1``, …; the last has no activation.

    >>> from lamina import ones
    >>> MLP((2, 5, 1), activation="sigmoid")(ones((3, 2))).shape
    (3, 1)
    """

    def __init__(self, sizes: Sequence[int], activation: Activation = "relu") -> None:
        if isinstance(sizes, str | int) or len(sizes) < 2:
            raise ArgumentError(
                "MLP: sizes must list the numbers of inputs, of hidden units and of outputs, such "
                f"as [4, 8, 3], got {sizes!r}"
            )
        layers: dict[str, Module] = {"flatten": Flatten()}
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            if number > 1:
                layers[f"activation{number - 1}"] = make_activation("MLP", activation)
            layers[f"linear{number}"] = Linear(inputs, outputs)
        super().__init__(layers)

    def _of(self, named: list[tuple[str, Module]]) -> Sequential:  # type: ignore[override]
        return Sequential(dict(named))


@register("mlp", input_shape=lambda sizes, activation: (sizes[0],))
def mlp(sizes: Sequence[int] = (64, 32, 10), activation: Activation = "relu") -> MLP:
    """Return an `MLP`; by default for the 8×8 digits."""
    return MLP(sizes, activation)
