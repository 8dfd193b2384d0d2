"""Lamina's own part in the benchmark: the only file here that knows how Lamina compiles."""

from __future__ import annotations

import lamina
from lamina import optim
from lamina.bench.runner import Runner
from lamina.bench.task import Task, new_model
from lamina.bench.workloads import MOMENTUM, WEIGHT_DECAY
from lamina.nn import Module
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep


def make(task: Task, variant: str) -> Runner:
    """Return Lamina at work on the task."""
    model = new_model(task.workload)
    model.load_state_dict(task.weights)
    return _training(model, task) if task.workload.trains else _inference(model, task)


def _training(model: Module, task: Task) -> Runner:
    lr, parameters = task.workload.lr, model.parameters()
    optimiser = optim.SGD(parameters, lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    objective = Objective(resolve("cross_entropy"))
    step = CompiledStep(TrainingStep(model, objective, optimiser), outputs=False)
    inputs, labels = lamina.tensor(task.inputs), lamina.tensor(task.labels)
    key = lamina.random.key(0)
    return Runner(lambda: step(inputs, labels, key).loss, lambda loss: loss.numpy())


def _inference(model: Module, task: Task) -> Runner:
    inputs, compiled = lamina.tensor(task.inputs), lamina.compile(model.eval())
    return Runner(lambda: compiled(inputs), lambda outputs: outputs.numpy())
