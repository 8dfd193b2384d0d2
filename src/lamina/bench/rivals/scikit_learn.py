"""scikit-learn's multi-layer perceptron, by `partial_fit`, which is one step of SGD."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from lamina.bench import networks
from lamina.bench.runner import Runner
from lamina.bench.task import Task
from lamina.bench.workloads import MOMENTUM, WEIGHT_DECAY, Workload


def make(task: Task, variant: str) -> Runner:
    """Return scikit-learn at work on the training of a perceptron.

    Its loss has the penalty in it that is weight decay's; biases do not decay, which is too little
    to be seen.
    """
    model = _model(task.workload)
    _start(model, task)

    def step() -> float:
        model.partial_fit(task.inputs, task.labels)
        return float(model.loss_)

    def fetch(loss: float) -> float:
        squares = sum(float(np.vdot(weight, weight)) for weight in model.coefs_)
        return loss - 0.5 * WEIGHT_DECAY * squares

    return Runner(step, fetch)


def _model(workload: Workload) -> MLPClassifier:
    dense = [layer for layer in workload.network if isinstance(layer, networks.Dense)]
    functions = {x.function for x in workload.network if isinstance(x, networks.Activation)}
    return MLPClassifier(
        hidden_layer_sizes=[layer.outputs for layer in dense[:-1]],
        activation=functions.pop(),
        solver="sgd",
        alpha=WEIGHT_DECAY * workload.batch,  # it divides by the batch
        batch_size=workload.batch,
        learning_rate_init=workload.lr,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        shuffle=False,
    )


def _start(model: MLPClassifier, task: Task) -> None:
    """Put the task's weights in the place of those that the first step makes."""
    model.partial_fit(task.inputs, task.labels, classes=np.arange(task.workload.classes))
    names = [x.name for x in task.workload.network if isinstance(x, networks.Dense)]
    for number, name in enumerate(names):
        model.coefs_[number][...] = task.weights[f"{name}.weight"].T
        model.intercepts_[number][...] = task.weights[f"{name}.bias"]
    for velocity in model._optimizer.velocities:
        velocity[...] = 0
