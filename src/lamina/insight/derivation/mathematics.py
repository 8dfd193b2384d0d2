"""Formulas as small trees, which the renderers write as text, LaTeX or MathML."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True)
class Symbol:
    """A letter; ``bold`` for vectors and matrices."""

    name: str
    bold: bool = False


@dataclass(frozen=True)
class Word:
    """An upright name of a function, or a number."""

    name: str


@dataclass(frozen=True)
class Operator:
    """A sign between or before other parts."""

    sign: str


@dataclass(frozen=True)
class Row:
    """Parts side by side."""

    parts: tuple[Math, ...]


@dataclass(frozen=True)
class Fenced:
    """A part in parentheses (or what ``fences`` says)."""

    body: Math
    fences: str = "()"


@dataclass(frozen=True)
class OfLayer:
    """A symbol with the number of its layer as superscript: z⁽²⁾, or δ⁽²ᵖ⁾ for a map p."""

    base: Math
    place: str


@dataclass(frozen=True)
class Sub:
    """A symbol with an index below."""

    base: Math
    index: Math


@dataclass(frozen=True)
class Power:
    """A part with an exponent."""

    base: Math
    exponent: Math


@dataclass(frozen=True)
class Transposed:
    """The transpose of a part."""

    base: Math


@dataclass(frozen=True)
class Fraction:
    """One part over another."""

    top: Math
    bottom: Math


@dataclass(frozen=True)
class Total:
    """A sum over an index."""

    index: str
    body: Math


Math: TypeAlias = (
    Symbol | Word | Operator | Row | Fenced | OfLayer | Sub | Power | Transposed | Fraction | Total
)

OPERATORS = ("=", "+", "−", "⊙", "⊗", "⊗̃", "·", "/", ",", "←", ">", "∂", "≤")


def row(*parts: Math | str) -> Math:
    """Return parts side by side; operators may be given by their sign, other text is upright.

    >>> row(Symbol("z"), "=", Symbol("W", True), Symbol("a"))
    Row(parts=(Symbol(name='z', bold=False), Operator(sign='='), ...
    """
    made: list[Math] = []
    for part in parts:
        made += _parts(part)
    return made[0] if len(made) == 1 else Row(tuple(made))


def _parts(part: Math | str) -> tuple[Math, ...]:
    if isinstance(part, str):
        return (Operator(part) if part in OPERATORS else Word(part),)
    return part.parts if isinstance(part, Row) else (part,)


def equation(left: Math, *rights: Math, sign: str = "=") -> Math:
    """Return ``left = right = …``."""
    made: list[Math | str] = [left]
    for right in rights:
        made += [sign, right]
    return row(*made)


def derivative(of: Math) -> Math:
    """Return ∂L/∂(of)."""
    return Fraction(row("∂", Symbol("L")), row("∂", of))


def applied(function: str, *arguments: Math) -> Math:
    """Return function(arguments)."""
    parts: list[Math | str] = []
    for argument in arguments:
        parts += [",", argument] if parts else [argument]
    return row(function, Fenced(row(*parts)))


def factor(part: Math) -> Math:
    """Return a part so that it can stand in a product: a sum gets parentheses.

    >>> factor(row(Symbol("a"), "+", Symbol("b")))
    Fenced(body=Row(parts=(Symbol(name='a', ...
    """
    loose = ("+", "−", "⊗", "⊗̃")
    summed = isinstance(part, Row) and any(
        isinstance(each, Operator) and each.sign in loose for each in part.parts
    )
    return Fenced(part) if summed or isinstance(part, Total) else part


def indexed(part: Math, *indices: str) -> Math:
    """Return a layer's symbol, or the derivative by it, for certain maps: X⁽ˡ⁾ as X⁽ˡ·ᵈ⁾."""
    if isinstance(part, OfLayer):
        return replace(part, place=",".join((part.place, *indices)))
    if isinstance(part, Fraction):
        return replace(part, bottom=indexed(part.bottom, *indices))
    if isinstance(part, Row):
        return Row((*part.parts[:-1], indexed(part.parts[-1], *indices)))
    return Sub(part, Symbol(",".join(indices))) if indices else part


def block(part: Math) -> Math:
    """Return a part so that it can stand beside ⊙: a product gets parentheses too.

    >>> block(Symbol("a"))
    Symbol(name='a', bold=False)
    """
    return Fenced(part) if isinstance(part, Row | Total) else part


def with_layer(name: str, place: object, bold: bool = False) -> Math:
    """Return a symbol of a layer."""
    return OfLayer(Symbol(name, bold), str(place))
