"""What is compared: cases as pure data, named as PyTorch names things."""

from dataclasses import dataclass
from typing import Any

from tests.torch_reference.data import Array, Input, integers, uniform

Options = tuple[tuple[str, Any], ...]
Shape = tuple[int, ...]


def options(**keywords: Any) -> Options:
    """Keyword arguments as hashable, ordered data."""
    return tuple(keywords.items())


def describe(keywords: Options) -> str:
    """Keyword arguments as they would be written in a call."""
    return ", ".join(f"{key}={value!r}" for key, value in keywords)


def label(family: str, name: str, *parts: object) -> str:
    """A case's id: everything that defines it, so that equal ids mean equal cases."""
    return f"{family}/{name}({'; '.join(text for part in parts if (text := str(part)))})"


@dataclass(frozen=True)
class FunctionCase:
    """A call of a function, a Tensor method or an operator.

    `call` says how the inputs are passed: "function" f(*inputs, *args, **kwargs), "method"
    x.f(*rest, *args, **kwargs), "operator" (of the module `operator`), "sequence"
    f([*inputs], *args, **kwargs) and "equation" f(args[0], *inputs).

    `derivatives` is "both", or "reverse" or "none" where PyTorch's two modes contradict each other.
    """

    family: str
    name: str
    inputs: tuple[Input, ...]
    args: tuple[Any, ...] = ()
    kwargs: Options = ()
    call: str = "function"
    derivatives: str = "both"
    dtype: str = "float64"

    @property
    def id(self) -> str:
        how = "" if self.call == "function" else self.call
        dtype = "" if self.dtype == "float64" else self.dtype
        inputs = ", ".join(map(repr, self.inputs))
        args = ", ".join(map(repr, self.args))
        return label(self.family, self.name, inputs, args, describe(self.kwargs), how, dtype)

    def arrays(self) -> tuple[Array, ...]:
        """The input values."""
        return input_arrays(self.id, self.inputs, self.dtype)


@dataclass(frozen=True)
class LayerCase:
    """A layer applied to inputs `calls` times (a loss layer is a layer with a target)."""

    family: str
    name: str
    inputs: tuple[Input, ...]
    kwargs: Options = ()
    train: bool = True
    calls: int = 1
    dtype: str = "float64"

    @property
    def id(self) -> str:
        inputs = ", ".join(map(repr, self.inputs))
        mode = "" if self.train else "eval"
        calls = "" if self.calls == 1 else f"{self.calls} calls"
        dtype = "" if self.dtype == "float64" else self.dtype
        return label(self.family, self.name, inputs, describe(self.kwargs), mode, calls, dtype)

    def arrays(self, call: int = 0) -> tuple[Array, ...]:
        """The input values of one call."""
        return input_arrays(f"{self.id} call {call}" if call else self.id, self.inputs, self.dtype)

    def state(self, name: str, shape: Shape) -> Array:
        """The value loaded into the parameter or buffer `name` before the first call."""
        seed = f"{self.id} state {name}"
        if name.endswith("num_batches_tracked"):
            return integers(seed, shape, 0, 5)
        if name.endswith("running_var"):
            return uniform(seed, shape, 0.5, 2.0)
        return uniform(seed, shape, -1.0, 1.0)


@dataclass(frozen=True)
class OptimiserCase:
    """Steps of an optimiser on a fixed sequence of gradients.

    `groups` holds each parameter group's shapes and overriding options. `clip` is None or the
    name and arguments of a clipping function called before each step. Before step `resume` the
    optimiser is replaced by a new one that loads the old one's state_dict. At step `absent` the
    first parameter has no gradient.
    """

    family: str
    name: str
    groups: tuple[tuple[tuple[Shape, ...], Options], ...]
    kwargs: Options = ()
    steps: int = 5
    resume: int = -1
    absent: int = -1
    clip: tuple[str, Options] | None = None
    dtype: str = "float64"

    @property
    def id(self) -> str:
        groups = ", ".join(f"{shapes}{describe(over)}" for shapes, over in self.groups)
        clip = f"{self.clip[0]} {describe(self.clip[1])}" if self.clip else ""
        resume = f"resumed at {self.resume}" if self.resume >= 0 else ""
        absent = f"no gradient at {self.absent}" if self.absent >= 0 else ""
        dtype = "" if self.dtype == "float64" else self.dtype
        parts = (groups, describe(self.kwargs), f"{self.steps} steps", clip, resume, absent, dtype)
        return label(self.family, self.name, *parts)

    def values(self, what: str, shape: Shape) -> Array:
        """Initial parameters and gradients, by description."""
        return uniform(f"{self.id} {what}", shape).astype(self.dtype)


@dataclass(frozen=True)
class ScheduleCase:
    """Learning rates of a schedule over `steps` steps.

    A "lambda" option names one of `schedules.LAMBDAS`; `children` are the (name, options) of the
    schedules inside a SequentialLR or ChainedScheduler; `plateau` feeds metrics to `step`.
    """

    family: str
    name: str
    kwargs: Options = ()
    rates: tuple[float, ...] = (0.5,)
    optimiser: tuple[str, Options] = ("SGD", ())
    steps: int = 30
    children: tuple[tuple[str, Options], ...] = ()
    plateau: tuple[float, ...] = ()
    resume: int = -1

    @property
    def id(self) -> str:
        inner = ", ".join(f"{name}({describe(keywords)})" for name, keywords in self.children)
        optimiser = f"{self.optimiser[0]} {describe(self.optimiser[1])} lr {self.rates}"
        metrics = "/".join(f"{value:g}" for value in self.plateau)
        resume = f"resumed at {self.resume}" if self.resume >= 0 else ""
        parts = (describe(self.kwargs), inner, optimiser, f"{self.steps} steps", metrics, resume)
        return label(self.family, self.name, *parts)


@dataclass(frozen=True)
class InitialiserCase:
    """An initialiser's effect on a parameter, or (`kwargs["layer"]`) a layer's default one.

    Random numbers differ between libraries, so random initialisers are compared by statistics of
    many elements; `exact` ones (zeros, constant, …) by value.
    """

    family: str
    name: str
    shape: Shape = ()
    kwargs: Options = ()
    exact: bool = False
    layer: bool = False

    @property
    def id(self) -> str:
        size = "x".join(map(str, self.shape))
        how = "default of the layer" if self.layer else ""
        return label(self.family, self.name, size, describe(self.kwargs), how)


Case = FunctionCase | LayerCase | OptimiserCase | ScheduleCase | InitialiserCase


def input_arrays(seed: str, inputs: tuple[Input, ...], dtype: str) -> tuple[Array, ...]:
    """Values for each input; each draws from its own stream."""
    return tuple(each.array(f"{seed} input {i}", dtype) for i, each in enumerate(inputs))


def direction(seed: str, like: Array) -> Array:
    """A cotangent or tangent for `like`."""
    return uniform(seed, like.shape, -1.0, 1.0).astype(like.dtype)
