"""Formulas as MathML Core, which browsers draw without fonts or scripts of the page."""

from __future__ import annotations

from functools import singledispatch
from html import escape

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

HATS = {"ŷ": "y", "x̂": "x"}


def mathml(formula: Math, display: bool = False) -> str:
    """Return a ``<math>`` element.

    >>> from lamina.insight.derivation.mathematics import with_layer
    >>> mathml(with_layer("z", 2))
    '<math><msup><mi>z</mi><mrow><mo stretchy="false">(</mo><mn>2</mn><mo ...
    """
    attribute = ' display="block"' if display else ""
    return f"<math{attribute}>{_write(formula)}</math>"


@singledispatch
def _write(part: Math) -> str:
    raise TypeError(f"no formula: {part!r}")


@_write.register
def _(part: Symbol) -> str:
    style = ' class="b"' if part.bold else ""
    if part.name in HATS:
        return f'<mover accent="true"><mi{style}>{HATS[part.name]}</mi><mo>^</mo></mover>'
    return f"<mi{style}>{escape(part.name)}</mi>"


@_write.register
def _(part: Word) -> str:
    tag = "mi" if part.name[:1].isalpha() else "mn"
    upright = ' mathvariant="normal"' if tag == "mi" else ""
    return f"<{tag}{upright}>{escape(part.name)}</{tag}>"


@_write.register
def _(part: Operator) -> str:
    if part.sign == "⊗̃":
        return '<mover accent="true"><mo>⊗</mo><mo>~</mo></mover>'
    if part.sign == "∂":
        return "<mi>∂</mi>"
    return f"<mo>{escape(part.sign)}</mo>"


@_write.register
def _(part: Row) -> str:
    return f"<mrow>{''.join(map(_write, part.parts))}</mrow>"


@_write.register
def _(part: Fenced) -> str:
    left, right = part.fences[0], part.fences[1]
    body = _write(part.body)
    stretch = "" if "<mfrac>" in body or "<munder>" in body else ' stretchy="false"'
    return f"<mrow><mo{stretch}>{left}</mo>{body}<mo{stretch}>{right}</mo></mrow>"


@_write.register
def _(part: OfLayer) -> str:
    left, right = (f'<mo stretchy="false">{fence}</mo>' for fence in "()")
    place = f"{left}<mn>{escape(part.place)}</mn>{right}"
    return f"<msup>{_write(part.base)}<mrow>{place}</mrow></msup>"


@_write.register
def _(part: Sub) -> str:
    return f"<msub>{_write(part.base)}{_write(part.index)}</msub>"


@_write.register
def _(part: Power) -> str:
    return f"<msup>{_write(part.base)}{_write(part.exponent)}</msup>"


@_write.register
def _(part: Transposed) -> str:
    fenced = _write(Fenced(part.base))
    return f"<msup>{fenced}<mo>⊤</mo></msup>"


@_write.register
def _(part: Fraction) -> str:
    return f"<mfrac>{_write(part.top)}{_write(part.bottom)}</mfrac>"


@_write.register
def _(part: Total) -> str:
    return f"<mrow><munder><mo>∑</mo><mi>{part.index}</mi></munder>{_write(part.body)}</mrow>"
