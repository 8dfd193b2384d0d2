"""The report on a network's health: a row a layer, and findings in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.core.text import ruled
from lamina.core.types import Array
from lamina.insight.health.distribution import Distribution

COLUMNS = ("l", "layer", "f", "rms z", "rms a", "|f'|", "saturated", "dead", "‖δ‖", "‖∂L/∂W‖",
           "‖W‖", "‖ΔW‖/‖W‖")  # fmt: skip


@dataclass(frozen=True, eq=False)
class LayerHealth:
    """What one batch says of layer l.

    Attributes:
        number: l, counted from 1 over the layers with parameters.
        name: the module's qualified name, ``kind`` its class, ``activation`` the function f (or
            None), ``parameter`` the name of W.
        z: net input; ``a`` activation f(z) (or z); ``delta`` error term ∂L/∂z; ``gradient`` ∂L/∂W;
            ``weight`` W. For a mean loss over N samples, δ has the factor 1/N.
        backward_norm: ‖∂L/∂a‖, so that ``delta.norm / backward_norm`` is what f' leaves of it.
        derivative: the mean of |f'(z)|; ``saturated`` the share of places with |f'(z)| below the
            threshold (squashing functions only).
        dead: which units have f'(z) = 0 for the whole batch (rectifiers only); ``units`` how many
            units there are.
        identical: the size of the largest group of units with equal weights, z and δ.
        update_ratio: ‖ΔW‖ / ‖W‖ of the last step, if it is known.
    """

    number: int
    name: str
    kind: str
    parameter: str
    activation: str | None
    z: Distribution
    a: Distribution
    delta: Distribution
    gradient: Distribution
    weight: Distribution
    weight_shape: tuple[int, ...]
    backward_norm: float | None
    derivative: float | None
    saturated: float | None
    dead: Array | None
    units: int
    identical: int
    update_ratio: float | None

    @property
    def label(self) -> str:
        """Number and name, as findings call the layer."""
        return f"layer {self.number} ({self.name})"

    @property
    def dead_count(self) -> int:
        """The number of dead units."""
        return 0 if self.dead is None else int(self.dead.sum())

    @property
    def is_map(self) -> bool:
        """Whether W is a matrix or kernel, rather than a scale of each unit."""
        return len(self.weight_shape) > 1

    def numbers(self) -> dict[str, float]:
        """Every number of the row by a dotted name (``z.mean``, ``gradient.norm``, …)."""
        parts = ("z", "a", "delta", "gradient", "weight")
        found = {f"{p}.{k}": v for p in parts for k, v in getattr(self, p).numbers().items()}
        rest = ("backward_norm", "derivative", "saturated", "update_ratio")
        found |= {name: v for name in rest if (v := getattr(self, name)) is not None}
        if self.dead is not None:
            found["dead"] = float(self.dead_count)
        return found | {"identical": float(self.identical)}

    def cells(self) -> tuple[str, ...]:
        """The row of the table (see `COLUMNS`)."""
        dead = "" if self.dead is None else f"{self.dead_count}/{self.units}"
        shown = [self.z.rms, self.a.rms, self.derivative]
        saturated = "" if self.saturated is None else f"{100 * self.saturated:.0f} %"
        norms = [self.delta.norm, self.gradient.norm, self.weight.norm, self.update_ratio]
        head = (str(self.number), self.name, self.activation or "")
        return (*head, *map(_short, shown), saturated, dead, *map(_short, norms))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        names = (
            *("number", "name", "kind", "parameter", "activation", "weight_shape", "units"),
            *("identical", "backward_norm", "derivative", "saturated", "update_ratio"),
        )
        parts = ("z", "a", "delta", "gradient", "weight")
        dead = None if self.dead is None else self.dead.nonzero()[0].tolist()
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "dead": dead, **{p: getattr(self, p).to_dict() for p in parts}}


@dataclass(frozen=True)
class Finding:
    """Something wrong: its kind, the layers by name, where, why, the numbers, what to try.

    ``kind`` is one of ``"not finite"``, ``"symmetric initialisation"``, ``"dead ReLU"``,
    ``"saturated activation"``, ``"vanishing gradient"``, ``"exploding gradient"``, ``"learning
    rate too high"``, ``"learning rate too low"``.
    """

    kind: str
    layers: tuple[str, ...]
    where: str
    cause: str
    evidence: dict[str, float]
    advice: tuple[str, ...]

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} = {value:.3g}" for name, value in self.evidence.items())
        tries = "; or ".join(self.advice)
        return f"{self.kind} in {self.where}: {self.cause} ({numbers})\n  what to try: {tries}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        parts = {"evidence": dict(self.evidence), "advice": list(self.advice)}
        head = {"kind": self.kind, "layers": list(self.layers), "where": self.where}
        return {**head, "cause": self.cause, **parts}


@dataclass(frozen=True, eq=False)
class HealthReport:
    """Loss, a row for each layer, and the diagnosis of one batch; printing gives a table."""

    loss: float
    rows: tuple[LayerHealth, ...]
    diagnosis: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.diagnosis

    def __getitem__(self, name: str) -> LayerHealth:
        """The row of a layer by its name."""
        rows = {row.name: row for row in self.rows}
        if name not in rows:
            raise KeyError(f"{name!r} is no layer of the report; there are {', '.join(rows)}")
        return rows[name]

    def __str__(self) -> str:
        table = self._table()
        left = [n for n, name in enumerate(table[0]) if name in ("layer", "f")]
        return "\n".join([f"loss {self.loss:.6g}", *ruled(table, left), "", self._verdict()])

    def to_markdown(self) -> str:
        """The table and the diagnosis as Markdown."""
        cells = [[cell.replace("|", "\\|") for cell in row] for row in self._table()]
        head, *rows = [f"| {' | '.join(row)} |" for row in cells]
        rule = "|" + "---|" * len(self._columns())
        found = [f"- **{f.kind}** {str(f)[len(f.kind) + 1 :]}" for f in self.diagnosis]
        return "\n".join([f"Loss {self.loss:.6g}", "", head, rule, *rows, "",
                          *(found or [self._verdict()])])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, for JSON."""
        rows = [row.to_dict() for row in self.rows]
        return {"loss": self.loss, "layers": rows,
                "diagnosis": [finding.to_dict() for finding in self.diagnosis]}  # fmt: skip

    def _columns(self) -> list[int]:
        """The columns that some row fills."""
        cells = [row.cells() for row in self.rows]
        return [n for n in range(len(COLUMNS)) if any(row[n] for row in cells)]

    def _table(self) -> list[list[str]]:
        kept = self._columns()
        rows = [COLUMNS, *(row.cells() for row in self.rows)]
        return [[row[n] for n in kept] for row in rows]

    def _verdict(self) -> str:
        return "\n".join(map(str, self.diagnosis)) or "nothing found wrong"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
