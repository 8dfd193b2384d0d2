"""Programs as LLVM modules, and what LLVM makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import llvmlite
import llvmlite.binding as binding
from llvmlite import ir as L

from lamina.compiler import machines
from lamina.compiler.ir import Kernel
from lamina.compiler.llvm.writer import I64, POINTER, KernelWriter
from lamina.compiler.machines import Machine


@cache
def machine() -> Machine:
    """Return the instruction set that code is generated for in this process."""
    found = machines.host(binding.get_host_cpu_features())
    return machines.with_cache(found, machines.second_level_cache())


@cache
def target() -> binding.TargetMachine:
    """Return LLVM's machine for the instruction set."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple = binding.Target.from_triple(binding.get_process_triple())
    chosen = machine()
    return triple.create_target_machine(
        cpu=chosen.cpu, features=chosen.features, opt=3, reloc="pic", codemodel="default"
    )


@cache
def identity() -> tuple[str, ...]:
    """Return what native code depends on beside its kernels: this writer, LLVM, the machine."""
    version = ".".join(map(str, binding.llvm_version_info))
    files = sorted(Path(__file__).parent.glob("*.py"))
    writers = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return writers, version, llvmlite.__version__, repr(machine())


def write_module(
    kernels: Sequence[Kernel],
    which: Sequence[int],
    calls: Sequence[Sequence[int]],
    prepared: int = 0,
) -> str:
    """Return LLVM IR: every kernel, and ``run(pointers, submit)`` that calls them in order.

    ``prepare`` does the first calls, ``run`` the rest, ``both`` all of them.

    Call number n is of kernel ``which[n]``, with the pointers ``calls[n]`` as its buffers.
    ``submit(task, pointers, chunks)`` does ``task(pointers, chunk)`` for every chunk; the table
    ``calls`` holds all tasks.
    """
    module = L.Module("lamina")
    module.triple = binding.get_process_triple()
    functions = [KernelWriter(module, kernel).function for kernel in kernels]
    for function in functions:
        function.linkage = "internal"
    tasks = [_task(module, n, functions[k], calls[n]) for n, k in enumerate(which)]
    _table(module, tasks)
    chunks = [kernels[number].chunks for number in which]
    steps = list(zip(tasks, chunks, strict=True))
    _sequence(module, "prepare", steps[:prepared])
    _sequence(module, "run", steps[prepared:])
    _sequence(module, "both", steps)
    return str(module)


def _sequence(module: L.Module, name: str, steps: Sequence[tuple[L.Function, int]]) -> None:
    """Write ``name(pointers, submit)``: tasks one after another, those with many chunks shared."""
    submit = L.FunctionType(L.VoidType(), [POINTER, POINTER, I64]).as_pointer()
    function = L.Function(module, L.FunctionType(L.VoidType(), [POINTER, submit]), name)
    pointers, share = function.args
    b = L.IRBuilder(function.append_basic_block("entry"))
    for task, chunks in steps:
        if chunks == 1:
            b.call(task, [pointers, I64(0)])
        else:
            b.call(share, [task, pointers, I64(chunks)])
    b.ret_void()


def _task(module: L.Module, number: int, kernel: L.Function, pointers: Sequence[int]) -> L.Function:
    """Write ``task(pointers, chunk)``: one chunk of a kernel, with its buffers."""
    kind = L.FunctionType(L.VoidType(), [POINTER, I64])
    task = L.Function(module, kind, f"call_{number}")
    task.linkage = "internal"
    b = L.IRBuilder(task.append_basic_block("entry"))
    slots = [b.gep(task.args[0], [I64(n)], source_etype=POINTER) for n in pointers]
    b.call(kernel, [*(b.load(slot, typ=POINTER) for slot in slots), task.args[1]])
    b.ret_void()
    return task


def _table(module: L.Module, tasks: Sequence[L.Function]) -> None:
    kind = L.ArrayType(POINTER, len(tasks))
    table = L.GlobalVariable(module, kind, "calls")
    table.global_constant = True
    table.initializer = L.Constant(kind, list(tasks))


def optimise(text: str, to: binding.TargetMachine | None = None) -> binding.ModuleRef:
    """Return the module after LLVM's own passes, for this process or another machine."""
    to = to or target()
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = to.triple, str(to.target_data)
    module.verify()
    # Tiles are unrolled and in vectors already: more of LLVM's own only costs time to compile.
    options = binding.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = True
    options.slp_vectorization = options.loop_unrolling = False
    builder = binding.create_pass_builder(to, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(text: str) -> bytes:
    """Return native object code for LLVM IR."""
    code: bytes = target().emit_object(optimise(text))
    return code


def object_code_for(text: str, triple: str, chosen: Machine) -> bytes:
    """Return object code for another architecture or system, which LLVM calls ``triple``.

    The kernels must have been planned for ``chosen``.
    """
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    to = binding.Target.from_triple(triple).create_target_machine(
        cpu=chosen.cpu, features=chosen.features, opt=3, reloc="pic", codemodel="default"
    )
    code: bytes = to.emit_object(optimise(text, to))
    return code


def assembly(text: str) -> str:
    """Return native assembly for LLVM IR."""
    code: str = target().emit_assembly(optimise(text))
    return code
