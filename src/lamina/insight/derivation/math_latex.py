"""Formulas as LaTeX."""

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

SYMBOLS = {"δ": r"\delta", "σ": r"\sigma", "γ": r"\gamma", "β": r"\beta", "μ": r"\mu",
           "ε": r"\varepsilon", "λ": r"\lambda", "α": r"\alpha", "ŷ": r"\hat{y}",
           "x̂": r"\hat{x}", "√": r"\surd", "−1": "-1"}  # fmt: skip
OPERATORS = {"⊙": r"\odot", "⊗": r"\otimes", "⊗̃": r"\tilde{\otimes}", "·": r"\cdot",
             "−": "-", "←": r"\leftarrow", "∂": r"\partial", "≤": r"\le"}  # fmt: skip


@singledispatch
def math_latex(part: Math) -> str:
    r"""Return a formula as LaTeX, without dollar signs.

    >>> from lamina.insight.derivation.mathematics import derivative, with_layer
    >>> math_latex(derivative(with_layer("W", 2)))
    '\\frac{\\partial L}{\\partial W^{(2)}}'
    """
    raise TypeError(f"no formula: {part!r}")


@math_latex.register
def _(part: Symbol) -> str:
    name = SYMBOLS.get(part.name, part.name)
    return rf"\boldsymbol{{{name}}}" if part.bold else name


@math_latex.register
def _(part: Word) -> str:
    primes = part.name.count("′")
    name = part.name.replace("′", "").replace("_", r"\_")
    name = SYMBOLS.get(name, name)
    upright = name if name.startswith("\\") or not name[:1].isalpha() else rf"\mathrm{{{name}}}"
    return upright + "'" * primes


@math_latex.register
def _(part: Operator) -> str:
    return OPERATORS.get(part.sign, part.sign)


@math_latex.register
def _(part: Row) -> str:
    return " ".join(map(math_latex, part.parts))


@math_latex.register
def _(part: Fenced) -> str:
    left, right = (r"\Vert " if fence == "‖" else fence for fence in part.fences)
    return rf"\left{left}{math_latex(part.body)}\right{right}"


@math_latex.register
def _(part: OfLayer) -> str:
    return f"{math_latex(part.base)}^{{({part.place})}}"


@math_latex.register
def _(part: Sub) -> str:
    return f"{math_latex(part.base)}_{{{math_latex(part.index)}}}"


@math_latex.register
def _(part: Power) -> str:
    return f"{{{math_latex(part.base)}}}^{{{math_latex(part.exponent)}}}"


@math_latex.register
def _(part: Transposed) -> str:
    return rf"\left({math_latex(part.base)}\right)^{{\top}}"


@math_latex.register
def _(part: Fraction) -> str:
    return rf"\frac{{{math_latex(part.top)}}}{{{math_latex(part.bottom)}}}"


@math_latex.register
def _(part: Total) -> str:
    return rf"\sum_{{{part.index}}} {math_latex(part.body)}"
