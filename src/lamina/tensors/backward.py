"""``.backward()``: reverse mode into the ``.grad`` of tensors with ``requires_grad``."""

from __future__ import annotations

from lamina.autodiff import pullback
from lamina.autodiff.levels import TAPE, over
from lamina.autodiff.rules import plus
from lamina.core.context import STATE, Recorder, suppress
from lamina.core.errors import GradientError, ShapeError
from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.tensors.creation import ones_like
from lamina.tensors.handle import Tensor, TensorLike, as_tensor


def backward(output: Tensor, gradient: TensorLike | None, create_graph: bool) -> None:
    """Add the gradient of ``output`` to every variable's ``.grad`` (see `Tensor.backward`)."""
    if not output.requires_grad:
        raise GradientError("backward: nothing behind this tensor has requires_grad=True")
    with suppress(over() if create_graph else TAPE | over()):
        cotangent = _cotangent(output, gradient)
        handles = _handles(output)
        recorder = STATE.get().recorder
        kept: dict[int, Node] | None = None if recorder is None else {}
        made = 0 if recorder is None else len(recorder.nodes)
        nodes = [node for node, _ in handles]
        found = pullback([output.node], [cotangent.node], nodes, TAPE, kept)
        for (_, handle), node in zip(handles, found, strict=True):
            if node is not None:
                total = Tensor(node) if handle._grad is None else handle._grad + Tensor(node)
                handle._grad = total
        if recorder is not None and kept is not None:
            _record(recorder, made, kept)


def _record(recorder: Recorder, made: int, found: dict[int, Node]) -> None:
    """Keep the cotangents of what was recorded before the pass, and forget the pass itself."""
    del recorder.nodes[made:]
    for node in recorder.nodes:
        if id(node) in found:
            known = recorder.cotangents.get(id(node))
            recorder.cotangents[id(node)] = plus(known, found[id(node)])
    del recorder.nodes[made:]


def _cotangent(output: Tensor, gradient: TensorLike | None) -> Tensor:
    if gradient is None:
        if output.numel() != 1:
            raise GradientError(
                f"backward: a tensor of shape {output.shape} needs gradient=, its cotangent; "
                "only a scalar has an implied one"
            )
        return ones_like(output)
    cotangent = as_tensor(gradient).to(output.dtype)
    if cotangent.shape != output.shape:
        raise ShapeError(f"backward: gradient of shape {cotangent.shape}, expected {output.shape}")
    return cotangent


def _handles(output: Tensor) -> list[tuple[Node, Tensor]]:
    """Return the living tensors behind ``output`` that want a gradient."""
    found = []
    for node in topological([output.node]):
        handle = node.handle() if node.handle is not None else None
        if handle is None or handle.node is not node or not node.tracks & TAPE:
            continue
        if not node.operands or handle._retains:
            found.append((node, handle))
    return found
