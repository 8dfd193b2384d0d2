"""Tracing: running a function on tensors without values, to get its program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.core.node import placeholder
from lamina.core.program import Program
from lamina.core.types import Type
from lamina.tensors.handle import Tensor, as_tensor
from lamina.tensors.tree import leaves, rebuild


def trace(function: Callable[..., Any], *arguments: Any, names: list[str] | None = None) -> Program:
    """Return the program that ``function`` performs for arguments of these types.

    Only shapes and dtypes of the arguments (tensors, arrays or containers of them) matter.
    Python code that asks for a traced value raises `TraceError`.

    >>> import lamina
    >>> print(lamina.trace(lambda x: lamina.tanh(x).sum(), lamina.zeros(3), names=["x"]))
    f(x: float32[3]):
      v1 = tanh(x)      float32[3]
      v2 = Σ_{i} v1[i]  float32[]
      return v2
    """
    given = [as_tensor(leaf) for leaf in leaves(arguments)]
    labels = names or [f"x{n + 1}" for n in range(len(given))]
    if len(labels) != len(given):
        raise ArgumentError(f"trace: {len(labels)} names for {len(given)} tensors: {labels}")
    inputs = [
        placeholder(Type(t.shape, t.dtype), label) for t, label in zip(given, labels, strict=True)
    ]
    result = function(*rebuild(arguments, [Tensor(node) for node in inputs]))
    outputs = [as_tensor(leaf).node for leaf in leaves(result)]
    called = getattr(function, "__name__", "f")
    return Program(tuple(inputs), tuple(outputs), called if called.isidentifier() else "f")
