"""The interface of a library under comparison, and how a side answers each kind of case.

Lamina's names, arguments and object protocols are PyTorch's, so one procedure a kind serves both
sides; what remains different is behind `Side`.
"""

import operator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import singledispatch
from typing import Any, Protocol

import numpy as np

from tests.torch_reference.answer import Answer
from tests.torch_reference.case import (
    Case,
    FunctionCase,
    InitialiserCase,
    LayerCase,
    OptimiserCase,
    ScheduleCase,
    direction,
)
from tests.torch_reference.data import Array, uniform

Call = Callable[..., Any]
LAMBDAS: dict[str, Callable[[int], float]] = {
    "inverse": lambda step: 1.0 / (1.0 + step),
    "power": lambda step: 0.9**step,
    "staircase": lambda step: 0.5 ** (step // 4),
    "constant": lambda step: 0.95,
}


class Side(Protocol):
    """A library with PyTorch's vocabulary. Tensors are opaque here."""

    def quiet(self) -> AbstractContextManager[object]:
        """A context for one case (PyTorch's warnings are of no interest here)."""

    def tensor(self, array: Array, requires_grad: bool = False) -> Any:
        """A tensor with these values."""

    def array(self, tensor: Any) -> Array:
        """The values of a tensor."""

    def function(self, name: str) -> Call:
        """A function by PyTorch's name."""

    def pullback(self, f: Call, primals: Sequence[Array], cotangents: Sequence[Array]) -> Any:
        """Gradients of ⟨cotangents, f⟩ at the primals, as arrays; f gives a tuple of tensors."""

    def pushforward(self, f: Call, primals: Sequence[Array], tangents: Sequence[Array]) -> Any:
        """Tangents of f's outputs, as arrays."""

    def layer(self, name: str, kwargs: dict[str, Any], dtype: str) -> Any:
        """A module of `nn` with parameters of this dtype."""

    def parameter(self, array: Array) -> Any:
        """A leaf that optimisers update."""

    def optimiser(self, name: str) -> Call:
        """An optimiser's class."""

    def schedule(self, name: str) -> Call:
        """A learning-rate schedule's class."""

    def clipping(self, name: str) -> Call:
        """A gradient-clipping function."""

    def initialiser(self, name: str) -> Call:
        """An initialiser called on a parameter or (calculate_gain) on plain values."""


@singledispatch
def solve(case: Case, side: Side) -> Answer:
    """The side's answer to a case."""
    raise TypeError(f"solve: unknown case {case!r}")


@solve.register
def _(case: FunctionCase, side: Side) -> Answer:
    arrays = case.arrays()
    call = bound(case, side)
    outputs = [side.array(each) for each in call(*map(side.tensor, arrays))]
    answer = {f"output {i}": array for i, array in enumerate(outputs)}
    smooth = [i for i, array in enumerate(outputs) if array.dtype.kind == "f"]
    wanted = [i for i, each in enumerate(case.inputs) if each.has_gradient]
    if case.derivatives == "none" or not smooth or not wanted:
        return answer

    def restricted(*primals: Any) -> tuple[Any, ...]:
        tensors = [side.tensor(array) for array in arrays]
        for i, primal in zip(wanted, primals, strict=True):
            tensors[i] = primal
        results = call(*tensors)
        return tuple(results[i] for i in smooth)

    primals = [arrays[i] for i in wanted]
    cotangents = [direction(f"{case.id} cotangent {i}", outputs[i]) for i in smooth]
    tangents = [direction(f"{case.id} tangent {i}", arrays[i]) for i in wanted]
    gradients = side.pullback(restricted, primals, cotangents)
    answer |= {f"gradient {i}": array for i, array in zip(wanted, gradients, strict=True)}
    if case.derivatives == "reverse":
        return answer
    pushed = side.pushforward(restricted, primals, tangents)
    return answer | {f"tangent {i}": array for i, array in zip(smooth, pushed, strict=True)}


def bound(case: FunctionCase, side: Side) -> Callable[..., tuple[Any, ...]]:
    """The case's function of its tensors alone; a single output becomes a tuple of one."""

    def call(*tensors: Any) -> tuple[Any, ...]:
        named = {each.keyword: t for each, t in zip(case.inputs, tensors, strict=True)}
        named.pop("", None)
        plain = [t for each, t in zip(case.inputs, tensors, strict=True) if not each.keyword]
        result = _apply(case, side, plain, dict(case.kwargs) | named)
        return tuple(result) if isinstance(result, tuple | list) else (result,)

    return call


def _apply(case: FunctionCase, side: Side, tensors: list[Any], kwargs: dict[str, Any]) -> Any:
    match case.call:
        case "method":
            return getattr(tensors[0], case.name)(*tensors[1:], *case.args, **kwargs)
        case "operator":
            return getattr(operator, case.name)(*tensors, *case.args)
        case "sequence":
            return side.function(case.name)(tensors, *case.args, **kwargs)
        case "equation":
            return side.function(case.name)(*case.args, *tensors, **kwargs)
    return side.function(case.name)(*tensors, *case.args, **kwargs)


@solve.register
def _(case: LayerCase, side: Side) -> Answer:
    module = side.layer(case.name, dict(case.kwargs), case.dtype)
    state = {name: side.array(value) for name, value in module.state_dict().items()}
    answer = {f"shape {name}": np.array(value.shape) for name, value in state.items()}
    loaded = {name: case.state(name, value.shape) for name, value in state.items()}
    module.load_state_dict({name: side.tensor(value) for name, value in loaded.items()})
    module.train(case.train)
    for call in range(case.calls):
        answer |= _layer_call(case, side, module, call)
    parameters = dict(module.named_parameters())
    answer |= {f"gradient {k}": _gradient(side, p) for k, p in parameters.items()}
    buffers = {k: v for k, v in module.state_dict().items() if k not in parameters}
    return answer | {f"buffer {name}": side.array(value) for name, value in buffers.items()}


def _layer_call(case: LayerCase, side: Side, module: Any, call: int) -> Answer:
    tensors = [
        side.tensor(array, each.has_gradient)
        for each, array in zip(case.inputs, case.arrays(call), strict=True)
    ]
    result = module(*tensors)
    outputs = tuple(result) if isinstance(result, tuple | list) else (result,)
    answer = {f"output {call}.{i}": side.array(each) for i, each in enumerate(outputs)}
    first = answer[f"output {call}.0"]
    if outputs[0].requires_grad:
        outputs[0].backward(side.tensor(direction(f"{case.id} cotangent {call}", first)))
    for i, (each, tensor) in enumerate(zip(case.inputs, tensors, strict=True)):
        if each.has_gradient:
            answer[f"gradient {call}.{i}"] = _gradient(side, tensor)
    return answer


def _gradient(side: Side, tensor: Any) -> Array:
    return np.array(np.nan) if tensor.grad is None else side.array(tensor.grad)


@solve.register
def _(case: OptimiserCase, side: Side) -> Answer:
    parameters = [
        [side.parameter(case.values(f"start {g}.{i}", shape)) for i, shape in enumerate(shapes)]
        for g, (shapes, _) in enumerate(case.groups)
    ]
    optimiser = _optimiser(case, side, parameters)
    answer: Answer = {}
    for step in range(case.steps):
        if step == case.resume:
            saved = optimiser.state_dict()
            optimiser = _optimiser(case, side, parameters)
            optimiser.load_state_dict(saved)
        _set_gradients(case, side, parameters, step)
        answer |= _clipped(case, side, parameters, step)
        optimiser.step()
        for g, group in enumerate(parameters):
            answer |= {f"step {step}: {g}.{i}": side.array(p) for i, p in enumerate(group)}
    return answer


def _optimiser(case: OptimiserCase, side: Side, parameters: list[list[Any]]) -> Any:
    groups = [
        {"params": group, **dict(over)}
        for group, (_, over) in zip(parameters, case.groups, strict=True)
    ]
    return side.optimiser(case.name)(groups, **dict(case.kwargs))


def _set_gradients(case: OptimiserCase, side: Side, parameters: list[list[Any]], step: int) -> None:
    for g, (shapes, _) in enumerate(case.groups):
        for i, shape in enumerate(shapes):
            gradient = side.tensor(case.values(f"gradient {step} {g}.{i}", shape))
            parameters[g][i].grad = gradient
    if step == case.absent:
        parameters[0][0].grad = None


def _clipped(case: OptimiserCase, side: Side, parameters: list[list[Any]], step: int) -> Answer:
    if case.clip is None:
        return {}
    name, keywords = case.clip
    flat = [p for group in parameters for p in group]
    total = side.clipping(name)(flat, **dict(keywords))
    return {} if total is None else {f"step {step}: total norm": side.array(total)}


@solve.register
def _(case: ScheduleCase, side: Side) -> Answer:
    parameters = [side.parameter(np.ones(2)) for _ in case.rates]
    optimiser, schedule = _scheduled(case, side, parameters)
    history = [_hyperparameters(optimiser)]
    for step in range(case.steps):
        if step == case.resume:
            saved = optimiser.state_dict(), schedule.state_dict()
            optimiser, schedule = _scheduled(case, side, parameters)
            optimiser.load_state_dict(saved[0])
            schedule.load_state_dict(saved[1])
        for parameter in parameters:
            parameter.grad = side.tensor(np.zeros(2))
        optimiser.step()
        schedule.step(*case.plateau[step : step + 1])
        history.append(_hyperparameters(optimiser))
    return {"rates and momenta": np.array(history, dtype=np.float64)}


def _scheduled(case: ScheduleCase, side: Side, parameters: list[Any]) -> tuple[Any, Any]:
    name, keywords = case.optimiser
    groups = [{"params": [p], "lr": r} for p, r in zip(parameters, case.rates, strict=True)]
    optimiser = side.optimiser(name)(groups, **dict(keywords))
    return optimiser, _schedule(case, side, optimiser)


def _hyperparameters(optimiser: Any) -> list[list[float]]:
    return [
        [float(group["lr"]), float(group.get("momentum", group.get("betas", (0.0,))[0]))]
        for group in optimiser.param_groups
    ]


def _schedule(case: ScheduleCase, side: Side, optimiser: Any) -> Any:
    keywords = _with_functions(case.kwargs)
    children = [
        side.schedule(name)(optimiser, **_with_functions(inner)) for name, inner in case.children
    ]
    match case.name:
        case "SequentialLR":
            return side.schedule(case.name)(optimiser, children, **keywords)
        case "ChainedScheduler":
            return side.schedule(case.name)(children)
    return side.schedule(case.name)(optimiser, **keywords)


def _with_functions(keywords: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {k: LAMBDAS[v] if k == "lr_lambda" else v for k, v in keywords}


@solve.register
def _(case: InitialiserCase, side: Side) -> Answer:
    if case.layer:
        module = side.layer(case.name, dict(case.kwargs), "float32")
        named = {name: side.array(p) for name, p in module.named_parameters()}
        return {k: v for name, array in named.items() for k, v in _statistics(name, array).items()}
    if case.name == "calculate_gain":
        return {"gain": np.array(float(side.initialiser(case.name)(**dict(case.kwargs))))}
    parameter = side.parameter(uniform(case.id, case.shape).astype(np.float32))
    side.initialiser(case.name)(parameter, **dict(case.kwargs))
    values = side.array(parameter)
    if case.exact:
        return {"value": values}
    return _statistics("value", values) | _structure(case.name, values)


def _statistics(name: str, array: Array) -> Answer:
    """Location, scale and tail in units of about four standard errors, and exact properties."""
    values = array.astype(np.float64)
    moments = [(abs(values) ** power).mean() ** (1 / power) for power in (1, 2, 4)]
    scale = np.sqrt(values.size) / 6
    relative = [values.mean() / max(moments[1], 1e-9), *np.log(np.maximum(moments, 1e-9))]
    return {
        f"shape {name}": np.array(array.shape),
        f"statistic {name}": scale * np.array(relative),
    }


def _structure(name: str, array: Array) -> Answer:
    """What holds exactly in spite of randomness: orthogonality, and the count of zeros."""
    if name == "orthogonal_":
        matrix = array.reshape(array.shape[0], -1)
        wide = matrix.shape[0] <= matrix.shape[1]
        return {"gram": matrix @ matrix.T if wide else matrix.T @ matrix}
    return {"zeros per column": (array == 0).sum(axis=0)}
