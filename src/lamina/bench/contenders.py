"""Who takes part, as data; what they are made of is imported by their workers only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lamina.bench.workloads import Workload

Takes = Callable[[Workload], bool]


def _everything(_: Workload) -> bool:
    return True


def _images(workload: Workload) -> bool:
    return not workload.dense_only


def _training(workload: Workload) -> bool:
    return workload.trains


def _inference(workload: Workload) -> bool:
    return not workload.trains


def _training_of_perceptrons(workload: Workload) -> bool:
    return workload.trains and workload.dense_only


@dataclass(frozen=True)
class Contender:
    """A framework, in one of the ways to use it.

    ``module`` has a function ``make(task, variant)`` that returns a `Runner`. ``cache`` names the
    environment variable of the folder where the framework keeps compiled code, if it does.
    """

    name: str
    label: str
    module: str
    package: str
    variant: str = ""
    takes: Takes = _everything
    cache: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def _torch(name: str, label: str, variant: str, takes: Takes = _everything) -> Contender:
    compiles = variant in ("compile", "functional")
    cache = "TORCHINDUCTOR_CACHE_DIR" if compiles else ""
    module = "lamina.bench.rivals.pytorch"
    return Contender(f"torch{name}", label, module, "torch", variant, takes, cache)


def _tensorflow(name: str, label: str, variant: str) -> Contender:
    module = "lamina.bench.rivals.tensorflow_graph"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return Contender(f"tensorflow{name}", label, module, "tensorflow", variant, settings=quiet)


LAMINA = Contender("lamina", "Lamina", "lamina.bench.own", "lamina", cache="LAMINA_CACHE_DIR")
RIVALS = (
    _torch("", "PyTorch", "eager"),
    _torch("-channels-last", "PyTorch channels_last", "channels_last", _images),
    _torch("-compile", "torch.compile", "compile"),
    _torch("-functional", "torch.compile of the step", "functional", _training),
    Contender(
        *("jax", "JAX", "lamina.bench.rivals.jax_numpy", "jax"),
        cache="JAX_COMPILATION_CACHE_DIR",
        settings={"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PLATFORMS": "cpu"},
    ),
    _tensorflow("", "TensorFlow", "graph"),
    _tensorflow("-xla", "TensorFlow XLA", "xla"),
    Contender(
        *("sklearn", "scikit-learn", "lamina.bench.rivals.scikit_learn", "sklearn"),
        takes=_training_of_perceptrons,
    ),
    Contender(
        *("onnxruntime", "ONNX Runtime", "lamina.bench.rivals.onnx_runtime", "onnxruntime"),
        takes=_inference,
    ),
)
CONTENDERS = {contender.name: contender for contender in (LAMINA, *RIVALS)}
