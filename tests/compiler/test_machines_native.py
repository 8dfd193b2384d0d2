"""Code for other instruction sets: run here where the host can, and emitted for the rest."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as binding
import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.compiler import llvm
from lamina.compiler.machines import SETTING, named
from lamina.compiler.planner import Planner
from lamina.core.program import Program
from lamina.core.types import Array
from lamina.tensors import Tensor
from tests.compiler.running import check_close

ROOT = Path(__file__).resolve().parents[2]
BATCH = 19
"""A whole vector and a rest, on every machine."""

WIDEST = {"avx512": "zmm", "avx2": "ymm", "sse": "xmm"}
"""The widest registers that a machine's code uses."""

Weights = dict[str, Tensor]


def _loss(weights: Weights, images: Tensor, labels: Tensor) -> Tensor:
    hidden = F.max_pool2d(F.conv2d(images, weights["kernel"], weights["bias"], padding=1), 2)
    hidden = F.conv2d(lamina.tanh(hidden), weights["strided"], stride=2, padding=1)
    return F.cross_entropy(F.linear(lamina.relu(hidden).flatten(1), weights["dense"]), labels)


def training_step(weights: Weights, images: Tensor, labels: Tensor) -> tuple[Tensor, Weights]:
    """Return the loss and the weights after a step of gradient descent."""
    loss, gradients = lamina.value_and_grad(_loss)(weights, images, labels)
    return loss, {name: w - 0.1 * gradients[name] for name, w in weights.items()}


def arguments(dtype: str) -> tuple[dict[str, Array], Array, Array]:
    """Return weights, images and labels."""
    rng = np.random.default_rng(8)
    shapes = {"kernel": (5, 3, 3, 3), "bias": (5,), "strided": (7, 5, 3, 3), "dense": (10, 28)}
    weights = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    images = rng.normal(size=(BATCH, 3, 8, 8)).astype(dtype)
    return weights, images, rng.integers(0, 10, BATCH)


def compare(machine: str) -> None:
    """Check one native step against the reference, in the process that runs ``machine``'s code."""
    assert llvm.machine().name == machine
    square = lamina.ones(32, 32)
    assembly = lamina.compile(lambda x: x @ x).show("asm", square)
    used = [name for name in ("xmm", "ymm", "zmm") if name in assembly]
    assert machine not in WIDEST or used[-1] == WIDEST[machine]
    for dtype in ("float32", "float64") if machine == "avx2" else ("float32",):
        weights, images, labels = arguments(dtype)
        given = {name: lamina.tensor(w) for name, w in weights.items()}
        wanted = training_step(given, lamina.tensor(images), lamina.tensor(labels))
        got = lamina.compile(training_step)(given, images, labels)
        check_close(np.asarray(got[0]), np.asarray(wanted[0]), 10.0)
        for name in weights:
            check_close(np.asarray(got[1][name]), np.asarray(wanted[1][name]), 10.0)


@pytest.mark.parametrize("machine", ["avx512", "avx2", "sse", "neon", "generic"])
def test_a_training_step(machine: str) -> None:
    features = binding.get_host_cpu_features()
    lacking = named(machine).lacking(features, platform.machine())
    if lacking:
        pytest.skip(f"this host lacks {', '.join(lacking)}")
    code = f"from tests.compiler.test_machines_native import compare; compare({machine!r})"
    environment = {**os.environ, SETTING: machine}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("machine", ["avx2", "sse", "generic"])
def test_some_functions_against_pytorch(machine: str) -> None:
    lacking = named(machine).lacking(binding.get_host_cpu_features(), platform.machine())
    if lacking:
        pytest.skip(f"this host lacks {', '.join(lacking)}")
    code = """
from tests.torch_reference.test_compiled_against_torch import failures, slice_of_cases
found = failures(slice_of_cases())
assert not found, found
"""
    environment = {**os.environ, SETTING: machine, "LAMINA_TEST_SLICE": "7/150"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_machine_that_is_not_known_is_an_error() -> None:
    code = "import lamina; lamina.compile(lambda x: x * 2)(lamina.ones(3))"
    environment = {**os.environ, SETTING: "abacus"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "LAMINA_MACHINE" in done.stderr and "choose one of" in done.stderr


# Objects for others ------------------------------------------------------------------------------

ELF, WASM = b"\x7fELF", b"\0asm"
AARCH64, X86_64 = 183, 62


def _program() -> Program:
    weights, images, labels = arguments("float32")

    def flat(*given: Tensor) -> list[Tensor]:
        *values, batch, targets = given
        loss, new = training_step(dict(zip(weights, values, strict=True)), batch, targets)
        return [loss, *new.values()]

    return lamina.trace(flat, *weights.values(), images, labels)


@pytest.mark.parametrize(
    "triple, machine, magic, architecture",
    [
        ("aarch64-unknown-linux-gnu", "neon", ELF, AARCH64),
        ("x86_64-unknown-linux-gnu", "avx2", ELF, X86_64),
        ("wasm32-unknown-unknown", "generic", WASM, None),
    ],
)
def test_objects_for_other_machines(
    triple: str, machine: str, magic: bytes, architecture: int | None
) -> None:
    plan = Planner(_program(), named(machine)).plan
    text = llvm.write_module(plan.kernels, plan.which, plan.calls, plan.prepared)
    code = llvm.object_code_for(text, triple, named(machine))
    assert code.startswith(magic)
    assert len(code) > 5000
    if architecture is not None:
        assert int.from_bytes(code[18:20], "little") == architecture
