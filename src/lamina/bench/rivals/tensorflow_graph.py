"""TensorFlow: a step is one `tf.function`, compiled by XLA or not. Images have channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from lamina.bench import networks
from lamina.bench.channels_last import as_channels_last, weights_channels_last
from lamina.bench.networks import Layer, Network
from lamina.bench.runner import Runner
from lamina.bench.task import Task
from lamina.bench.workloads import MOMENTUM, WEIGHT_DECAY

Values = dict[str, Any]


def make(task: Task, variant: str) -> Runner:
    """Return TensorFlow at work: ``graph`` or ``xla``."""
    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    tf.config.threading.set_inter_op_parallelism_threads(task.threads)
    network, trains = task.workload.network, task.workload.trains
    parameters, statistics = weights_channels_last(network, task.weights)
    variables = {k: tf.Variable(v, trainable=True) for k, v in parameters.items()}
    means = {k: tf.Variable(v, trainable=False) for k, v in statistics.items()}
    model = Model(network, variables, means, trains)
    inputs, labels = tf.constant(as_channels_last(task.inputs)), tf.constant(task.labels)
    compiled = tf.function(jit_compile=variant == "xla")
    step = compiled(training_step(model, task.workload.lr) if trains else lambda x, _: model(x))
    return Runner(lambda: step(inputs, labels), lambda result: result.numpy())


def training_step(model: Model, lr: float) -> Callable[[Any, Any], Any]:
    """Return forward, backward and update; the update is TensorFlow's own fused operation."""
    names = list(model.weights)
    momenta = {name: tf.Variable(tf.zeros_like(model.weights[name])) for name in names}

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=model(x))
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [model.weights[name] for name in names])
        for name, gradient in zip(names, gradients, strict=True):
            weight = model.weights[name]
            tf.raw_ops.ResourceApplyMomentum(
                var=weight.handle,
                accum=momenta[name].handle,
                lr=lr,
                grad=gradient + WEIGHT_DECAY * weight,
                momentum=MOMENTUM,
            )
        return loss

    return step


class Model:
    """A network with its variables."""

    def __init__(self, network: Network, weights: Values, statistics: Values, trains: bool) -> None:
        self.network, self.trains = network, trains
        self.weights, self.statistics = weights, statistics

    def __call__(self, x: Any) -> Any:
        return self._all(self.network, x)

    def _all(self, layers: Network, x: Any) -> Any:
        for layer in layers:
            x = self._one(layer, x)
        return x

    def _one(self, layer: Layer, x: Any) -> Any:
        match layer:
            case networks.Conv(name, _, _, _, stride, padding, bias):
                sides = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
                x = tf.nn.conv2d(x, self.weights[f"{name}.weight"], stride, sides)
                return tf.nn.bias_add(x, self.weights[f"{name}.bias"]) if bias else x
            case networks.BatchNorm(name):
                return self._normalise(name, x)
            case networks.Dense(name, inputs):
                x = tf.matmul(tf.reshape(x, (-1, inputs)), self.weights[f"{name}.weight"])
                return tf.nn.bias_add(x, self.weights[f"{name}.bias"])
            case networks.Activation(function):
                return tf.tanh(x) if function == "tanh" else tf.nn.relu(x)
            case networks.MaxPool(size, stride, padding):
                return _greatest(x, size, stride, padding)
            case networks.MeanPool(size):
                return tf.nn.avg_pool2d(x, size, size, "VALID")
            case networks.GlobalMean():
                return tf.reduce_mean(x, (1, 2))
            case networks.Widen(channels):
                half = channels // 2
                return tf.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (half, half)))
            case networks.Residual(body, shortcut):
                return self._all(body, x) + self._all(shortcut, x)

    def _normalise(self, name: str, x: Any) -> Any:
        scale, offset = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        running = [self.statistics[f"{name}.running_{part}"] for part in ("mean", "var")]
        if not self.trains:
            options = {"epsilon": 1e-5, "is_training": False}
            return tf.compat.v1.nn.fused_batch_norm(x, scale, offset, *running, **options)[0]
        y, *seen = tf.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=1e-5)
        for variable, value in zip(running, seen, strict=True):
            variable.assign_sub(0.1 * (variable - value))
        return y


def _greatest(x: Any, size: int, stride: int, padding: int) -> Any:
    if padding:  # XLA has no pooling with padding of its own
        sides = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        x = tf.pad(x, sides, constant_values=x.dtype.min)
    return tf.nn.max_pool2d(x, size, stride, "VALID")
