"""JAX: a step is one jitted function whose weights are donated to their successors.

Images have their channels last, which XLA's convolutions on processors are fastest with.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.bench import networks
from lamina.bench.channels_last import as_channels_last, weights_channels_last
from lamina.bench.networks import Layer, Network
from lamina.bench.runner import Runner
from lamina.bench.task import Task
from lamina.bench.workloads import MOMENTUM, WEIGHT_DECAY

LAYOUT = ("NHWC", "HWIO", "NHWC")
Values = dict[str, Any]


def make(task: Task, variant: str) -> Runner:
    """Return JAX at work on the task."""
    network = task.workload.network
    weights, statistics = weights_channels_last(network, task.weights)
    weights, statistics = jax.tree.map(jnp.asarray, (weights, statistics))
    inputs = jnp.asarray(as_channels_last(task.inputs))
    if not task.workload.trains:
        return _inference(network, weights, statistics, inputs)
    labels, lr = jnp.asarray(task.labels), task.workload.lr
    return _training(network, weights, statistics, inputs, labels, lr)


def _inference(network: Network, weights: Values, statistics: Values, inputs: Any) -> Runner:
    @jax.jit
    def outputs(weights: Values, statistics: Values, x: Any) -> Any:
        return evaluate(network, x, weights, statistics, False)

    return Runner(lambda: outputs(weights, statistics, inputs), jax.device_get)


def _training(
    network: Network, weights: Values, statistics: Values, inputs: Any, labels: Any, lr: float
) -> Runner:
    def loss_of(weights: Values, statistics: Values, x: Any, y: Any) -> Any:
        new = dict(statistics)
        scores = jax.nn.log_softmax(evaluate(network, x, weights, new, True))
        return -jnp.take_along_axis(scores, y[:, None], 1).mean(), new

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(weights: Values, momenta: Values, statistics: Values, x: Any, y: Any) -> Any:
        differentiated = jax.value_and_grad(loss_of, has_aux=True)
        (loss, statistics), gradients = differentiated(weights, statistics, x, y)
        momenta = {
            k: MOMENTUM * momenta[k] + gradients[k] + WEIGHT_DECAY * weights[k] for k in weights
        }
        weights = {k: weights[k] - lr * momenta[k] for k in weights}
        return (weights, momenta, statistics), loss

    state = (weights, jax.tree.map(jnp.zeros_like, weights), statistics)

    def run() -> Any:
        nonlocal state
        state, loss = step(*state, inputs, labels)
        return loss

    return Runner(run, float)


def evaluate(network: Network, x: Any, weights: Values, statistics: Values, trains: bool) -> Any:
    """Return the network's outputs; in training, new running statistics replace the old."""
    for layer in network:
        x = _evaluate_layer(layer, x, weights, statistics, trains)
    return x


def _evaluate_layer(layer: Layer, x: Any, weights: Values, statistics: Values, trains: bool) -> Any:
    match layer:
        case networks.Conv(name, _, _, _, stride, padding):
            sides = [(padding, padding)] * 2
            kernel = weights[f"{name}.weight"]
            x = lax.conv_general_dilated(x, kernel, (stride, stride), sides, None, None, LAYOUT)
            return x + weights.get(f"{name}.bias", 0.0)
        case networks.BatchNorm(name):
            return _normalise(name, x, weights, statistics, trains)
        case networks.Dense(name):
            return x.reshape(len(x), -1) @ weights[f"{name}.weight"] + weights[f"{name}.bias"]
        case networks.Activation(function):
            return jnp.tanh(x) if function == "tanh" else jax.nn.relu(x)
        case networks.MaxPool(size, stride, padding):
            return _pool(x, lax.max, -jnp.inf, size, stride, padding)
        case networks.MeanPool(size):
            return _pool(x, lax.add, 0.0, size, size, 0) / size**2
        case networks.GlobalMean():
            return x.mean((1, 2))
        case networks.Widen(channels):
            half = channels // 2
            return jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (half, half)))
        case networks.Residual(body, shortcut):
            shortcut_x = evaluate(shortcut, x, weights, statistics, trains)
            return evaluate(body, x, weights, statistics, trains) + shortcut_x


def _pool(x: Any, combine: Any, start: float, size: int, stride: int, padding: int) -> Any:
    if size == stride:  # windows side by side: a reshape and a reduction are faster
        count, height, width, channels = x.shape
        x = x.reshape(count, height // size, size, width // size, size, channels)
        return x.max((2, 4)) if combine is lax.max else x.sum((2, 4))
    sides = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return lax.reduce_window(x, start, combine, (1, size, size, 1), (1, stride, stride, 1), sides)


def _normalise(name: str, x: Any, weights: Values, statistics: Values, trains: bool) -> Any:
    names = (f"{name}.running_mean", f"{name}.running_var")
    mean, variance = (statistics[key] for key in names)
    if trains:
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
        count = x.size // x.shape[-1]
        seen = (mean, variance * count / (count - 1))
        for key, value in zip(names, map(lax.stop_gradient, seen), strict=True):
            statistics[key] = 0.9 * statistics[key] + 0.1 * value
    scale = weights[f"{name}.weight"] * lax.rsqrt(variance + 1e-5)
    return x * scale + (weights[f"{name}.bias"] - mean * scale)
