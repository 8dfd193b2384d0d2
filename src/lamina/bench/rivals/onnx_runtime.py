"""ONNX Runtime: inference of a model that is written here node by node."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from lamina.bench import networks
from lamina.bench.networks import Layer, Network
from lamina.bench.runner import Runner
from lamina.bench.task import Task
from lamina.core.types import Array

OPERATOR_SET, FORMAT = 17, 9
STATISTICS = ("weight", "bias", "running_mean", "running_var")


def make(task: Task, variant: str) -> Runner:
    """Return ONNX Runtime at work on the task; the first step prepares its session."""

    @cache
    def session() -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = task.threads
        options.inter_op_num_threads = 1
        content = model(task).SerializeToString()
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(content, options, providers=providers)

    feed = {"input": task.inputs}
    return Runner(lambda: session().run(None, feed), lambda outputs: outputs[0])


def model(task: Task) -> Any:
    """Return the network as an ONNX model."""
    graph = Graph(task.weights)
    output = graph.all(task.workload.network, "input")
    kind = TensorProto.FLOAT
    made = helper.make_graph(
        graph.nodes,
        task.workload.name,
        [helper.make_tensor_value_info("input", kind, task.inputs.shape)],
        [helper.make_tensor_value_info(output, kind, None)],
        graph.initialisers,
    )
    sets = [helper.make_opsetid("", OPERATOR_SET)]
    return helper.make_model(made, opset_imports=sets, ir_version=FORMAT)


class Graph:
    """Nodes in order, and the weights they use."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []

    def all(self, layers: Network, x: str) -> str:
        """Add layers one after another and return the name of the last output."""
        for layer in layers:
            x = self.one(layer, x)
        return x

    def one(self, layer: Layer, x: str) -> str:
        """Add a layer and return the name of its output."""
        match layer:
            case networks.Conv(name, _, _, kernel, stride, padding, bias):
                given = self._named(name, ("weight", "bias") if bias else ("weight",))
                return self._add("Conv", [x, *given], **_window(kernel, stride, padding))
            case networks.BatchNorm(name):
                given = self._named(name, STATISTICS)
                return self._add("BatchNormalization", [x, *given], epsilon=1e-5)
            case networks.Dense(name, _, _, image):
                x = x if image is None else self._add("Flatten", [x])
                return self._add("Gemm", [x, *self._named(name, ("weight", "bias"))], transB=1)
            case networks.Activation(function):
                return self._add({"relu": "Relu", "tanh": "Tanh"}[function], [x])
            case networks.MaxPool(size, stride, padding):
                return self._add("MaxPool", [x], **_window(size, stride, padding))
            case networks.MeanPool(size):
                return self._add("AveragePool", [x], **_window(size, size, 0))
            case networks.GlobalMean():
                return self._add("Flatten", [self._add("GlobalAveragePool", [x])])
            case networks.Residual(body, shortcut):
                return self._add("Add", [self.all(body, x), self.all(shortcut, x)])
            case networks.Widen():
                raise NotImplementedError("no network of the inference workloads needs Widen")

    def _add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _named(self, layer: str, parts: tuple[str, ...]) -> list[str]:
        names = [f"{layer}.{part}" for part in parts]
        self.initialisers += [numpy_helper.from_array(self.weights[name], name) for name in names]
        return names


def _window(size: int, stride: int, padding: int) -> dict[str, list[int]]:
    sides = [padding] * 4
    return {"kernel_shape": [size, size], "strides": [stride, stride], "pads": sides}
