"""Formulas as one line of text."""

from __future__ import annotations

from functools import singledispatch

from lamina.insight.derivation.mathematics import (
    Fenced,
    Fraction,
    Math,
    OfLayer,
    Operator,
    Power,
    Row,
    Sub,
    Symbol,
    Total,
    Transposed,
    Word,
)


@singledispatch
def math_text(part: Math) -> str:
    """Return a formula as text.

    >>> from lamina.insight.derivation.mathematics import derivative, with_layer
    >>> math_text(derivative(with_layer("W", 2)))
    '∂L/∂W(2)'
    """
    raise TypeError(f"no formula: {part!r}")


@math_text.register
def _(part: Symbol) -> str:
    return part.name


@math_text.register
def _(part: Word) -> str:
    return part.name


@math_text.register
def _(part: Operator) -> str:
    return part.sign


@math_text.register
def _(part: Row) -> str:
    """Operators of two sides have spaces around them, and so have factors."""
    out = ""
    for before, each in zip((None, *part.parts), part.parts, strict=False):
        out += ("" if before is None or _joined(before, each) else " ") + math_text(each)
    return out


def _joined(before: Math, after: Math) -> bool:
    prefix = isinstance(before, Operator) and before.sign in ("∂", "/")
    suffix = isinstance(after, Operator) and after.sign in (",", "/")
    call = _calls(before) and isinstance(after, Fenced)
    return prefix or suffix or call


def _calls(part: Math) -> bool:
    """Whether a part is the name of a function."""
    if isinstance(part, Power):
        return _calls(part.base)
    return isinstance(part, Word) and (part.name[0].isalpha() or part.name == "√")


@math_text.register
def _(part: Fenced) -> str:
    return f"{part.fences[0]}{math_text(part.body)}{part.fences[1]}"


@math_text.register
def _(part: OfLayer) -> str:
    return f"{math_text(part.base)}({part.place})"


@math_text.register
def _(part: Sub) -> str:
    return f"{math_text(part.base)}_{math_text(part.index)}"


@math_text.register
def _(part: Power) -> str:
    exponent = math_text(part.exponent)
    return math_text(part.base) + {"2": "²", "−1": "⁻¹"}.get(exponent, f"^{exponent}")


@math_text.register
def _(part: Transposed) -> str:
    return f"{math_text(part.base)}ᵀ"


@math_text.register
def _(part: Fraction) -> str:
    return f"{_tight(part.top)}/{_tight(part.bottom)}"


def _tight(part: Math) -> str:
    text = math_text(part)
    return f"({text})" if " " in text else text


@math_text.register
def _(part: Total) -> str:
    return f"Σ_{part.index} {math_text(part.body)}"
