"""PyTorch: eager, with channels_last, and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lamina.bench import networks
from lamina.bench.networks import Layer, Network
from lamina.bench.runner import Runner
from lamina.bench.task import Task
from lamina.bench.workloads import MOMENTUM, WEIGHT_DECAY
from lamina.core.types import Array

Values = dict[str, Any]
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def make(task: Task, variant: str) -> Runner:
    """Return PyTorch at work: ``eager``, ``channels_last``, ``compile`` or ``functional``."""
    torch.set_num_threads(task.threads)
    model = network(task.workload.network, task.weights).train(task.workload.trains)
    inputs, labels = torch.from_numpy(task.inputs), torch.from_numpy(task.labels)
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    if not task.workload.trains:
        return Runner(inference(model, inputs, variant), lambda outputs: outputs.numpy())
    step = functional_step if variant == "functional" else module_step
    return Runner(step(model, inputs, labels, task.workload.lr, variant), float)


# The network -----------------------------------------------------------------------------


class Residual(nn.Module):
    """The sum of two branches."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Any) -> Any:
        return self.body(x) + self.shortcut(x)


class Widen(nn.Module):
    """Every second pixel, and channels of zeros on both sides."""

    def forward(self, x: Any) -> Any:
        half = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))


def network(layers: Network, weights: Mapping[str, Array]) -> nn.Module:
    """Return the layers one after another, with their weights."""
    return nn.Sequential(*(_filled(layer, weights) for layer in layers))


def _filled(layer: Layer, weights: Mapping[str, Array]) -> nn.Module:
    made = _module(layer, weights)
    name = getattr(layer, "name", None)
    if name is not None:
        found = {k: v for k, v in weights.items() if k.rpartition(".")[0] == name}
        target = made[-1] if isinstance(made, nn.Sequential) else made
        target.load_state_dict(
            {k.rpartition(".")[2]: torch.from_numpy(v.copy()) for k, v in found.items()}
        )
    return made


def _module(layer: Layer, weights: Mapping[str, Array]) -> Any:
    match layer:
        case networks.Conv(_, inputs, outputs, kernel, stride, padding, bias):
            return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)
        case networks.BatchNorm(_, channels):
            return nn.BatchNorm2d(channels)
        case networks.Dense(_, inputs, outputs, image):
            dense = nn.Linear(inputs, outputs)
            return dense if image is None else nn.Sequential(nn.Flatten(), dense)
        case networks.Activation(function):
            return ACTIVATIONS[function]()
        case networks.MaxPool(size, stride, padding):
            return nn.MaxPool2d(size, stride, padding)
        case networks.MeanPool(size):
            return nn.AvgPool2d(size)
        case networks.GlobalMean():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case networks.Widen():
            return Widen()
        case networks.Residual(body, shortcut):
            return Residual(network(body, weights), network(shortcut, weights))


# Steps -----------------------------------------------------------------------------------


def inference(model: nn.Module, inputs: Any, variant: str) -> Callable[[], Any]:
    """Return the evaluation of one batch."""
    if variant == "compile":
        import torch._inductor.config as settings

        settings.freezing = True  # weights become constants, packed once
        model = torch.compile(model)

    def step() -> Any:
        with torch.inference_mode():
            return model(inputs)

    # Freezing needs plain no_grad.
    def frozen_step() -> Any:
        with torch.no_grad():
            return model(inputs)

    return frozen_step if variant == "compile" else step


def module_step(
    model: nn.Module, inputs: Any, labels: Any, lr: float, variant: str
) -> Callable[[], Any]:
    """Return a training step as PyTorch's tutorials have it."""
    options = {"momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY, "fused": True}
    optimiser = torch.optim.SGD(model.parameters(), lr=lr, **options)

    def objective() -> Any:
        return F.cross_entropy(model(inputs), labels)

    compiled = torch.compile(objective) if variant == "compile" else objective

    def step() -> Any:
        optimiser.zero_grad()
        loss = compiled()
        loss.backward()
        optimiser.step()
        return loss.detach()

    return step


def functional_step(
    model: nn.Module, inputs: Any, labels: Any, lr: float, variant: str
) -> Callable[[], Any]:
    """Return a training step that is compiled as one function of weights, with SGD written out."""
    weights = {name: value.detach().clone() for name, value in model.named_parameters()}
    momenta = {name: torch.zeros_like(value) for name, value in weights.items()}
    buffers = {name: value.clone() for name, value in model.named_buffers()}

    def objective(weights: Values, buffers: Values, x: Any, y: Any) -> Any:
        outputs = torch.func.functional_call(model, {**weights, **buffers}, (x,))
        return F.cross_entropy(outputs, y)

    @torch.compile(fullgraph=True)
    def step(weights: Values, momenta: Values, buffers: Values, x: Any, y: Any) -> Any:
        gradients, loss = torch.func.grad_and_value(objective)(weights, buffers, x, y)
        for name, weight in weights.items():
            change = gradients[name] + WEIGHT_DECAY * weight
            weight.sub_(lr * momenta[name].mul_(MOMENTUM).add_(change))
        return loss

    return lambda: step(weights, momenta, buffers, inputs, labels)
