"""`Module.summary`: a table of the layers, counted from the graph that a call makes.

- **parameters**: trainable ones, shared ones once.
- **connections**, as LeCun et al. (1998) count them: for every unit, the inputs that it reads in a
  sum or window, padding left out, and its bias. Normalisation and activations have none.
- **multiply-adds**: the terms of all sums of products.
- **memory**: bytes of the layer's output.
- **receptive field**: see `lamina.nn.receptive_field`.

All for one sample. The call is traced in evaluation mode: nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from lamina import random
from lamina.core.context import Frame, record
from lamina.core.errors import ArgumentError
from lamina.core.node import Node, placeholder
from lamina.core.text import ruled
from lamina.core.types import Shape, Type, as_dtype
from lamina.nn.calling import Call, record_calls
from lamina.nn.counting import Counts, count
from lamina.nn.modes import evaluation
from lamina.nn.module import Module
from lamina.nn.receptive_field import Fields, receptive_fields
from lamina.tensors import Tensor, no_grad
from lamina.tensors.tree import leaves

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    *("layer", "type", "output", "parameters", "connections", "multiply-adds"),
    *("memory", "receptive field"),
)
LEFT = range(3)
"""The columns that are flush left."""


@dataclass(frozen=True)
class ReceptiveField:
    """What a unit i sees along an axis: ``size`` elements, from ``start + jump · i`` on."""

    size: int
    jump: float
    start: float


@dataclass(frozen=True)
class Row:
    """One layer. The receptive field has one entry a spatial axis, and is None if not known."""

    name: str
    type: str
    output_shape: Shape
    parameters: int
    connections: int
    multiply_adds: int
    memory: int
    receptive_field: tuple[ReceptiveField, ...] | None

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        sizes = self.receptive_field
        field = "?" if sizes is None else "×".join(str(f.size) for f in sizes)
        if sizes and any(f.jump for f in sizes):
            field += f" / {'×'.join(f'{f.jump:g}' for f in sizes)}"
        return (
            self.name or "(model)",
            self.type,
            show_shape(self.output_shape),
            *(f"{n:,}" for n in (self.parameters, self.connections, self.multiply_adds)),
            show_bytes(self.memory),
            field,
        )


@dataclass(frozen=True)
class Summary:
    """The rows, and the totals of the model. ``print`` shows the table."""

    model: str
    input_shapes: tuple[Shape, ...]
    rows: tuple[Row, ...]
    parameters: int

    @property
    def connections(self) -> int:
        """The connections of all layers."""
        return sum(row.connections for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all layers."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory(self) -> int:
        """The bytes of all layers' outputs."""
        return sum(row.memory for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values (for JSON)."""
        totals = ("connections", "multiply_adds", "memory")
        return asdict(self) | {name: getattr(self, name) for name in totals}

    def _total(self) -> tuple[str, ...]:
        counts = (self.parameters, self.connections, self.multiply_adds)
        return ("total", "", "", *(f"{n:,}" for n in counts), show_bytes(self.memory), "")

    def __str__(self) -> str:
        rows = [COLUMNS, *(row.cells() for row in self.rows), self._total()]
        names, rule, *lines, total = ruled(rows, LEFT)
        inputs = ", ".join(map(show_shape, self.input_shapes))
        head = f"{self.model}, input {inputs}"
        return "\n".join([head, names, rule, *lines, rule, total])

    def __rich__(self) -> Table:
        from rich.table import Table

        title = f"{self.model}, input {', '.join(map(show_shape, self.input_shapes))}"
        table = Table(title=title, show_footer=True)
        for n, (name, total) in enumerate(zip(COLUMNS, self._total(), strict=True)):
            table.add_column(name, total, justify="left" if n in LEFT else "right")
        for row in self.rows:
            table.add_row(*row.cells())
        return table


def summarise(module: Module, input_shapes: Sequence[Shape], dtype: Any) -> Summary:
    """Return the summary of ``module`` for one sample of these shapes (no batch axis).

    >>> from lamina import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    >>> print(model.summary((1, 8, 8)))
    Sequential, input 1@8×8
    layer  type       output  parameters  connections  multiply-adds   memory  receptive field
    ------------------------------------------------------------------------------------------
    0      Conv2d     2@8×8           20        1,096            968    512 B          3×3 / 1×1
    1      ReLU       2@8×8            0            0              0    512 B          3×3 / 1×1
    2      MaxPool2d  2@4×4            0          128              0    128 B          4×4 / 2×2
    ------------------------------------------------------------------------------------------
    total                             20        1,224            968  1.1 KiB
    """
    if not input_shapes:
        raise ArgumentError("summary: give the shape of each input, without the batch axis")
    shapes = tuple(tuple(int(n) for n in shape) for shape in input_shapes)
    inputs = [placeholder(Type((1, *shape), as_dtype(dtype))) for shape in shapes]
    made, calls = _traced(module, inputs)
    learned, layers = _learned(module, made), _by_layer(made, calls)
    counted = {name: count(nodes, learned) for name, nodes in layers.items()}
    shown = [c for c in _last_calls(calls) if _is_layer(c.module, counted.get(c.name))]
    fields = receptive_fields(inputs[0], [node for c in shown for node in _outputs(c)])
    seen: set[int] = set()
    rows = tuple(
        _row(c, counted.get(c.name, Counts(0, 0)), fields, range(2, len(shapes[0]) + 1), seen)
        for c in shown
    )
    total = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return Summary(type(module).__name__, shapes, rows, total)


def _traced(module: Module, inputs: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Call]]:
    """Return the nodes and the calls that a call in evaluation mode makes."""
    with (
        evaluation(module),
        no_grad(),
        random.use_keys(random.key(0)),
        record() as recorder,
        record_calls() as calls,
    ):
        module(*[Tensor(node) for node in inputs])
    return recorder.nodes, calls


def _learned(module: Module, made: Sequence[Node]) -> set[int]:
    """Return the ids of parameters and buffers, and of all that the call made (of them)."""
    held = [*module.parameters(), *module.buffers()]
    return {id(tensor.node) for tensor in held} | {id(node) for node in made}


def _by_layer(nodes: Sequence[Node], calls: Sequence[Call]) -> dict[str, list[Node]]:
    """Return the nodes that each module made itself, not by calling another; "" is the root."""
    names = {id(call.frame): call.name for call in calls if call.name}
    layers: dict[str, list[Node]] = {}
    for node in nodes:
        if node.value is None:
            layers.setdefault(names.get(id(_module_frame(node.frame)), ""), []).append(node)
    return layers


def _module_frame(frame: Frame | None) -> Frame | None:
    while frame is not None and frame.kind != "module":
        frame = frame.parent
    return frame


def _last_calls(calls: Sequence[Call]) -> list[Call]:
    """Return one call for each module, in the order in which they were first called."""
    return list({call.name: call for call in calls}.values())


def _is_layer(module: Module, counts: Counts | None) -> bool:
    """Return whether the module does something itself, rather than only calling others."""
    own = next(module.named_parameters(recurse=False), None) is not None
    leaf = next(module.named_children(), None) is None
    return own or leaf or bool(counts and counts.terms)


def _outputs(call: Call) -> list[Node]:
    return [leaf.node for leaf in leaves(call.output) if isinstance(leaf, Tensor)]


def _row(
    call: Call,
    counts: Counts,
    fields: dict[int, Fields | None],
    spatial: range,
    seen: set[int],
) -> Row:
    outputs = _outputs(call)
    module, shape = call.module, outputs[0].shape if outputs else ()
    return Row(
        name=call.name,
        type=type(module).__name__,
        output_shape=shape[1:],
        parameters=_own_parameters(module, seen),
        connections=module.count_connections(counts.terms, prod(shape)),
        multiply_adds=counts.multiply_adds,
        memory=sum(node.type.size * node.dtype.itemsize for node in outputs),
        receptive_field=_receptive_field(fields[id(outputs[0])], spatial) if outputs else None,
    )


def _own_parameters(module: Module, seen: set[int]) -> int:
    """Return the number of the module's own trainable elements that no row has counted yet."""
    fresh = [p for p in module.parameters(recurse=False) if p.requires_grad and id(p) not in seen]
    seen.update(map(id, fresh))
    return sum(parameter.numel() for parameter in fresh)


def _receptive_field(fields: Fields | None, spatial: range) -> tuple[ReceptiveField, ...] | None:
    if fields is None or any(axis not in fields for axis in spatial):
        return None
    found = [fields[axis] for axis in spatial]
    return tuple(ReceptiveField(f.size, float(f.jump), float(f.start)) for f in found)


def show_shape(shape: Shape) -> str:
    """Return a sample's shape as papers write it, channels@height×width.

    >>> show_shape((6, 28, 28)), show_shape((84,)), show_shape(())
    ('6@28×28', '84', '1')
    """
    head, *rest = shape or (1,)
    return f"{head}@{'×'.join(map(str, rest))}" if rest else str(head)


def show_bytes(size: int) -> str:
    """Return a number of bytes with a unit.

    >>> show_bytes(512), show_bytes(1536), show_bytes(3 * 2**20)
    ('512 B', '1.5 KiB', '3.0 MiB')
    """
    amount, units = float(size), iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "B"
    while amount >= 1024:
        amount, unit = amount / 1024, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
