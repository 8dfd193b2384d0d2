"""Native code: kernels written as LLVM IR and compiled. The only package that imports llvmlite."""

from lamina.compiler.llvm.module import (
    assembly,
    identity,
    machine,
    object_code,
    object_code_for,
    optimise,
    target,
    write_module,
)
from lamina.compiler.llvm.native import NativeModule, jit, serial_submit

__all__ = [
    "NativeModule",
    "assembly",
    "identity",
    "jit",
    "machine",
    "object_code",
    "object_code_for",
    "optimise",
    "serial_submit",
    "target",
    "write_module",
]
