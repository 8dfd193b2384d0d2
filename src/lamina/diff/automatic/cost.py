"""What a pass of each mode costs, by counting on its graph."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.diff.automatic.passes import backward_graph, forward_graph
from lamina.diff.automatic.recording import graph
from lamina.diff.interface import Function
from lamina.diff.operations import bytes_kept, operations, peak_bytes
from lamina.tensors import Tensor


@dataclass(frozen=True)
class Cost:
    """Operations and bytes of f, of one pass of each mode with f, and what each remembers."""

    value: int
    forward: int
    reverse: int
    forward_memory: int
    reverse_memory: int

    def backward(self, passes: int) -> int:
        """Return the operations of so many passes back, after one run of f."""
        return self.value + passes * (self.reverse - self.value)

    @staticmethod
    def of(f: Function, x: Tensor) -> Cost:
        """Count on the graphs of f, of J u, and of Jᵀ v."""
        plain = graph(f, x)
        along, back = forward_graph(f, x), backward_graph(f, x)
        return Cost(
            operations(plain),
            operations(along),
            operations(back),
            peak_bytes(along),
            bytes_kept(plain) + x.numpy().nbytes,
        )
