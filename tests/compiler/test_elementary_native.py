"""The expansions' native code equals the NumPy oracle to the bit, on this host's machine."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from lamina.compiler import llvm
from lamina.compiler.elementary import Bindings, expand
from lamina.compiler.expression_numpy import evaluate_after
from lamina.compiler.ir import For, Kernel, Limit, Load, Local, Store, affine, contiguous
from lamina.core.types import Array, DType, float32, float64
from lamina.ops import SCALARS
from lamina.ops.scalar import Scalar

COUNT = 2000


def operands(function: Scalar, dtype: DType) -> list[Array]:
    """Every size of number by its bits, usual ones, and special values."""
    rng = np.random.default_rng(8)
    info = np.iinfo(f"int{8 * dtype.itemsize}")
    found = []
    for kind in function.kinds:
        bits = rng.integers(info.min, info.max, COUNT, info.dtype, endpoint=True)
        x = np.where(rng.random(COUNT) < 0.6, rng.normal(size=COUNT) * 5, bits.view(dtype))
        x[:8] = rng.permutation([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40])
        found.append(rng.random(COUNT) < 0.5 if kind == "b" else x.astype(dtype))
    return found


def run_native(function: Scalar, arrays: list[Array]) -> Array:
    buffers = [contiguous(f"x{i}", (COUNT,), a.dtype) for i, a in enumerate(arrays)]
    at = (affine(i=1),)
    bindings = Bindings()
    value = expand(
        function, tuple(Load(b, at) for b in buffers), bindings, fused=llvm.machine().fma
    )
    out = contiguous("out", (COUNT,), value.dtype)
    loop = For(
        "i",
        (Limit(affine()),),
        (Limit(affine(COUNT)),),
        (*bindings.statements, Store(out, at, value)),
    )
    kernel = Kernel("kernel", (out, *buffers), (loop,))
    text = llvm.write_module([kernel], [0], [range(1 + len(buffers))])
    result = np.empty(COUNT, value.dtype)
    addresses = [a.ctypes.data for a in (result, *arrays)]
    pointers = (ctypes.c_void_p * len(addresses))(*addresses)
    module = llvm.NativeModule(llvm.object_code(text))
    module.run(ctypes.cast(pointers, ctypes.c_void_p), llvm.serial_submit())
    return result


def run_numpy(function: Scalar, arrays: list[Array]) -> Array:
    bindings = Bindings()
    arguments = tuple(Local(f"x{i}", a.dtype) for i, a in enumerate(arrays))
    value = expand(function, arguments, bindings, fused=llvm.machine().fma)
    values = {f"x{i}": a for i, a in enumerate(arrays)}
    return evaluate_after(bindings.statements, value, values)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("function", SCALARS.values(), ids=lambda f: f.name)
def test_native_code_equals_the_oracle(function: Scalar, dtype: DType) -> None:
    with np.errstate(all="ignore"):
        arrays = operands(function, dtype)
        np.testing.assert_array_equal(run_native(function, arrays), run_numpy(function, arrays))
