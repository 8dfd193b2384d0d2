"""The loops of typical kernels as text, for vectors of eight floats.

``python -m tests.compiler.test_golden_loops`` writes the files anew: read what changed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.compiler.kernels import plain_kernel
from lamina.compiler.layouts import Layout, batch_innermost, row_major
from lamina.compiler.listing import listing
from lamina.compiler.machines import named
from lamina.core.node import Node
from lamina.core.types import Shape
from lamina.ops.contraction import Contraction
from lamina.ops.window import WindowMax
from lamina.tensors import Tensor

GOLDEN = Path(__file__).parent / "golden"
BATCH = 19
"""Two vectors and a rest."""

Case = tuple[Callable[..., Any], type, tuple[Shape, ...]]


def _strided_input_gradient(g: Tensor, w: Tensor) -> Tensor:
    x = lamina.zeros(BATCH, 2, 7)
    return lamina.vjp(lambda t: F.conv1d(t, w, stride=2), x)[1](g)[0]


def _weight_gradient(g: Tensor, x: Tensor) -> Tensor:
    return lamina.vjp(lambda w: F.linear(x, w), lamina.zeros(3, 5))[1](g)[0]


CASES: dict[str, Case] = {
    "dense": (F.linear, Contraction, ((BATCH, 5), (7, 5))),
    "padded_convolution": (
        lambda x, w: F.conv2d(x, w, padding=1),
        Contraction,
        ((BATCH, 2, 4, 4), (3, 2, 3, 3)),
    ),
    "strided_input_gradient": (_strided_input_gradient, Contraction, ((BATCH, 3, 3), (3, 2, 3))),
    "max_pooling": (lambda x: F.max_pool2d(x, 3, 2, 1), WindowMax, ((BATCH, 2, 5, 5),)),
    "weight_gradient": (_weight_gradient, Contraction, ((BATCH, 3), (BATCH, 5))),
}


def _layout(node: Node) -> Layout:
    return (batch_innermost if node.shape[0] == BATCH else row_major)(node.type)


def loops(case: Case) -> str:
    """Return the loops of the case's one operation, the batch innermost wherever there is one."""
    function, kind, shapes = case
    program = lamina.trace(function, *[np.zeros(shape, np.float32) for shape in shapes])
    (node,) = [n for n in program.nodes if isinstance(n.operation, kind)]
    operands = tuple(_layout(operand) for operand in node.operands)
    return listing(plain_kernel(node.operation, _layout(node), operands, named("avx2"))) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_golden_loops(name: str) -> None:
    assert loops(CASES[name]) == (GOLDEN / f"{name}.txt").read_text("utf-8")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, case in CASES.items():
        (GOLDEN / f"{name}.txt").write_text(loops(case), "utf-8")
