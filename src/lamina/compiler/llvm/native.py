"""Object code in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

import llvmlite.binding as binding

from lamina.compiler.llvm.module import object_code, target


@cache
def jit() -> Any:
    """Return LLVM's loader of native code into this process."""
    target()
    return binding.create_lljit_compiler()


_names = count()


SERIAL = """
define void @run(ptr %task, ptr %pointers, i64 %chunks) {
entry:
  br label %head
head:
  %chunk = phi i64 [0, %entry], [%next, %body]
  %more = icmp slt i64 %chunk, %chunks
  br i1 %more, label %body, label %done
body:
  call void %task(ptr %pointers, i64 %chunk)
  %next = add i64 %chunk, 1
  br label %head
done:
  ret void
}
@calls = constant [1 x ptr] [ptr @run]
"""


@cache
def serial_submit() -> int:
    """Return the address of a ``submit`` that does all chunks itself, in order."""
    module = NativeModule(object_code(SERIAL))
    _kept.append(module)
    return ctypes.cast(module.run, ctypes.c_void_p).value or 0


_kept: list[Any] = []


class NativeModule:
    """Object code loaded into this process, for as long as this object lives."""

    def __init__(self, code: bytes, exported: Sequence[str] = ("run", "calls")) -> None:
        library = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in exported:
            library.export_symbol(name)
        self._tracker = library.link(jit(), f"lamina{next(_names)}")
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(self._tracker["run"])
        self.addresses: dict[str, int] = {name: self._tracker[name] for name in exported}
        self.calls = self.addresses["calls"]
