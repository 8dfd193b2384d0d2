"""Rules that find what is wrong with a network from the rows of its report.

Sources: nndl §4.6.2 (vanishing gradient), §4.1.2 (dying ReLU), §7.3 (symmetric weights,
initialisation); Glorot and Bengio, "Understanding the difficulty of training deep feedforward
neural networks" (2010); He et al., "Delving deep into rectifiers" (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from lamina.insight.health.report import Finding, LayerHealth


@dataclass(frozen=True)
class Thresholds:
    """From where on a number counts as a fault.

    Attributes:
        derivative: a squashing function with |f'(z)| below this share of f'(0) is saturated.
        saturated: the share of saturated places, and ``dead`` of dead units, that is too large.
        identical: the share of a layer's units that are copies of one another.
        vanished: the least ‖δ(l)‖ / ‖δ(L)‖, and ``exploded`` the greatest; He's initialisation
            keeps the ratio near 1. A layer whose ‖∂L/∂W‖ / ‖W‖ is not small (beside
            ``gradient_low``, or beside the largest) learns all the same.
        gradient_ratio: the greatest ‖∂L/∂W‖ / ‖W‖.
        update_high: the greatest ‖ΔW‖ / ‖W‖ of a step, and ``update_low`` the least, where
            ‖∂L/∂W‖ / ‖W‖ is above ``gradient_low`` (else there is little left to learn).
    """

    derivative: float = 0.04
    saturated: float = 0.5
    dead: float = 0.75
    identical: float = 0.5
    vanished: float = 1e-3
    exploded: float = 1e3
    gradient_ratio: float = 1e2
    update_high: float = 0.1
    update_low: float = 1e-6
    gradient_low: float = 1e-3


LEARNING_RATE = ("learning rate too high", "learning rate too low")


def diagnosis(rows: Sequence[LayerHealth], limits: Thresholds) -> tuple[Finding, ...]:
    """Everything that the rows show to be wrong; after a NaN nothing else is looked for."""
    if found := _not_finite(rows):
        return (found,)
    rules = (_symmetric, _dead, _saturated, _vanishing, _exploding, _too_high, _too_low)
    return tuple(found for rule in rules if (found := rule(rows, limits)))


def _not_finite(rows: Sequence[LayerHealth]) -> Finding | None:
    where = {"W": "weight", "z": "z", "a": "a"}
    for row in rows:
        for symbol, part in where.items():
            if count := getattr(row, part).nonfinite:
                cause = f"{symbol} of {row.label} is the first to hold NaN or infinity"
                return _nan(row, cause, count)
    backward = {"δ": "delta", "∂L/∂W": "gradient"}
    for row in reversed(rows):
        for symbol, part in backward.items():
            if count := getattr(row, part).nonfinite:
                cause = f"in the backward pass, {symbol} of {row.label} is the first to be so"
                return _nan(row, cause, count)
    return None


def _nan(row: LayerHealth, cause: str, count: int) -> Finding:
    advice = ("a smaller learning rate", "clipping gradients", "a loss that takes logits")
    return _finding("not finite", [row], cause, {"elements": count}, advice)


def _symmetric(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    hidden = [r for r in rows[:-1] if r.is_map and r.units > 1]
    bad = [r for r in hidden if r.identical > 1 and r.identical >= limits.identical * r.units]
    if not bad:
        return None
    cause = "units have equal net inputs and equal error terms, so every update keeps them equal"
    evidence = {
        f"copies among the {r.units} units of layer {r.number}": float(r.identical) for r in bad
    }
    advice = ("random initial weights (Xavier for sigmoid and tanh, He for ReLU)",)
    return _finding("symmetric initialisation", bad, cause, evidence, advice)


def _dead(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    bad = [r for r in rows if r.dead is not None and r.dead_count >= limits.dead * r.units]
    if not bad:
        return None
    cause = "the net inputs of most units are negative for every sample, where f' = 0"
    if any(r.dead_count == r.units for r in bad):
        cause += "; where all units are dead no gradient passes"
    evidence = {
        f"dead of the {r.units} units of layer {r.number}": float(r.dead_count) for r in bad
    }
    evidence |= {f"mean z({bad[0].number})": bad[0].z.mean}
    advice = ["leaky ReLU, ELU or GELU", "He initialisation", "a smaller learning rate"]
    if all(r.z.mean < -3 * r.z.std for r in bad):
        advice.insert(0, "biases that are not so far below zero")
    return _finding("dead ReLU", bad, cause, evidence, tuple(advice))


def _saturated(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    hidden = [r for r in rows[:-1] if r.saturated is not None]
    bad = [r for r in hidden if (r.saturated or 0.0) >= limits.saturated]
    if not bad:
        return None
    names = ", ".join(dict.fromkeys(str(r.activation) for r in bad))
    cause = f"|z| is so large that {names} is flat there, and f' lets hardly any error term pass"
    evidence = {f"saturated share of layer {r.number}": float(r.saturated or 0.0) for r in bad}
    evidence |= {f"rms z({r.number})": r.z.rms for r in bad}
    advice = ("smaller initial weights (Xavier)", "inputs scaled to mean 0 and deviation 1",
              "batch normalisation before the activation", "ReLU instead")  # fmt: skip
    return _finding("saturated activation", bad, cause, evidence, advice)


def _vanishing(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    maps = [r for r in rows if r.is_map]
    if len(maps) < 2 or not (last := maps[-1].delta.norm):
        return None
    strongest = max(_pull(r) for r in maps)
    weak = max(limits.gradient_low, limits.vanished * strongest)
    bad = [r for r in maps[:-1] if 0 < r.delta.norm < limits.vanished * last and _pull(r) < weak]
    if not bad:
        return None
    by_f, by_weights, steps = _factors(maps[maps.index(bad[0]) :])
    cause = "on its way back the error term shrinks from layer to layer, most of all by "
    cause += "the activation's small derivative" if by_f < by_weights else "small weights"
    evidence = {f"‖δ({bad[0].number})‖": bad[0].delta.norm, f"‖δ({maps[-1].number})‖": last}
    evidence |= {"factor by f' a layer": by_f, "factor by W a layer": by_weights, "layers": steps}
    advice = ["batch normalisation", "residual connections"]
    if by_f < 0.5:
        squashing = any(r.saturated is not None for r in maps)
        advice.insert(0, "ReLU" if squashing else "net inputs nearer to where f' is 1")
    if by_weights < 0.5:
        advice.insert(0, "larger initial weights (He for ReLU, Xavier else)")
    return _finding("vanishing gradient", bad, cause, evidence, advice)


def _pull(row: LayerHealth) -> float:
    """‖∂L/∂W‖ / ‖W‖."""
    return row.gradient.norm / row.weight.norm if row.weight.norm else 0.0


def _factors(rows: Sequence[LayerHealth]) -> tuple[float, float, int]:
    """How f' and everything else (the weights) scale ‖δ‖ on the way back, a layer on average."""
    steps = len(rows) - 1
    total = rows[0].delta.norm / rows[-1].delta.norm
    shares = [r.delta.norm / r.backward_norm for r in rows[:-1] if r.backward_norm]
    by_f = prod(shares)
    return by_f ** (1 / steps), (total / by_f if by_f else 0.0) ** (1 / steps), steps


def _exploding(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    maps = [r for r in rows if r.is_map]
    last = maps[-1].delta.norm if maps else 0.0
    grown = [r for r in maps if last and r.delta.norm > limits.exploded * last]
    strong = [r for r in maps if _pull(r) > limits.gradient_ratio]
    bad = [r for r in maps if r in grown or r in strong]
    if not bad:
        return None
    cause, advice = "gradients are far larger than the weights they change", ["clipping gradients"]
    advice += ["targets and inputs scaled to deviation 1", "a smaller learning rate"]
    if grown:
        cause = "on its way back the error term grows from layer to layer"
        advice = ["smaller initial weights (He, Xavier)", "batch normalisation", advice[0]]
    elif maps[-1].z.rms > limits.exploded * maps[0].z.rms:
        cause += ": net inputs grow from layer to layer"
        advice = ["smaller initial weights (He, Xavier)", "batch normalisation", advice[0]]
    evidence = {f"‖∂L/∂W({r.number})‖/‖W‖": _pull(r) for r in bad[:1]}
    evidence |= {f"‖δ({bad[0].number})‖": bad[0].delta.norm, f"‖δ({maps[-1].number})‖": last}
    return _finding("exploding gradient", bad, cause, evidence, tuple(advice))


def _too_high(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    bad = [r for r in rows if r.is_map and (r.update_ratio or 0.0) > limits.update_high]
    if not bad:
        return None
    cause = "a single step changes the weights by a large part of themselves"
    evidence = {f"‖ΔW({r.number})‖/‖W‖": r.update_ratio or 0.0 for r in bad}
    worst = max(evidence.values())
    advice = (f"a learning rate about {_round(worst / 1e-2)} times smaller", "a warm-up")
    return _finding(LEARNING_RATE[0], bad, cause, evidence, advice)


def _too_low(rows: Sequence[LayerHealth], limits: Thresholds) -> Finding | None:
    known = [r for r in rows if r.is_map and r.update_ratio is not None and r.weight.norm]
    slow = [r for r in known if (r.update_ratio or 0.0) < limits.update_low]
    pulled = [r for r in slow if _pull(r) > limits.gradient_low]
    if not pulled or len(slow) < len(known):
        return None
    cause = "no layer's weights change to speak of, though their gradients are not small"
    evidence = {f"‖ΔW({r.number})‖/‖W‖": r.update_ratio or 0.0 for r in pulled}
    evidence |= {f"‖∂L/∂W({r.number})‖/‖W‖": _pull(r) for r in pulled[:1]}
    best = max(r.update_ratio or 0.0 for r in slow)
    factor = f"about {_round(1e-3 / best)} times larger" if best else "above zero"
    return _finding(LEARNING_RATE[1], pulled, cause, evidence, (f"a learning rate {factor}",))


def _round(factor: float) -> str:
    """A factor to one digit."""
    return f"{float(f'{factor:.0e}'):,g}"


def _finding(
    kind: str,
    rows: Sequence[LayerHealth],
    cause: str,
    evidence: dict[str, float],
    advice: Sequence[str],
) -> Finding:
    names = tuple(row.name for row in rows)
    where = ", ".join(row.label for row in rows)
    return Finding(kind, names, where, cause, evidence, tuple(advice))
