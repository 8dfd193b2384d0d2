"""A derivation as a LaTeX document."""

from __future__ import annotations

from lamina.core.types import Array
from lamina.insight.derivation.derivation import Derivation
from lamina.insight.derivation.math_latex import math_latex
from lamina.insight.derivation.numbers import Table, shown
from lamina.insight.derivation.step import Step

DOTS = {"…": r"\cdots", "⋮": r"\vdots"}
HEAD = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\usepackage[margin=2cm]{geometry}
\usepackage{iftex}
\iftutex\usepackage{fontspec}\fi
%CJK%\allowdisplaybreaks
\begin{document}
"""
CJK = r"\usepackage{xeCJK}" + "\n"
PLAIN = {"δ": r"$\delta$", "∂": r"$\partial$", "⊙": r"$\odot$", "⊗̃": r"$\tilde{\otimes}$",
         "⊗": r"$\otimes$", "ŷ": r"$\hat{y}$", "σ": r"$\sigma$", "²": "$^2$", "°": r"$^\circ$",
         "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "·": r"$\cdot$"}  # fmt: skip


def as_latex(derivation: Derivation, language: str, limit: int) -> str:
    """Return a document that compiles by itself."""
    head = HEAD.replace("%CJK%", "" if language == "en" else CJK)
    lines = [head + rf"\section*{{{prose(derivation.title.spoken(language))}}}",
             prose(derivation.legend.spoken(language))]  # fmt: skip
    for section in derivation.sections:
        lines += ["", rf"\subsection*{{{prose(section.title.spoken(language))}}}"]
        for step in section.steps:
            lines += _step(step, language, limit)
    return "\n".join([*lines, r"\end{document}"]) + "\n"


def _step(step: Step, language: str, limit: int) -> list[str]:
    lines = [
        rf"\paragraph{{{prose(step.words.spoken(language))}}}",
        rf"\[{math_latex(step.formula)}\]",
    ]
    for quantity in (*step.given, step.result):
        lines.append(rf"\[{math_latex(quantity.symbol)} = {matrices(quantity.value, limit)}\]")
    return lines


def prose(text: str) -> str:
    """Return words with what is special in LaTeX escaped."""
    for sign, written in PLAIN.items():
        text = text.replace(sign, written)
    return text


def matrices(value: Array, limit: int) -> str:
    """Return an array as bracketed matrices, its slices one after another."""
    found = shown(value, limit)
    written = r"\quad ".join(_matrix(table) for table in found.tables)
    note = found.note.replace("×", r"\times ").replace("‖·‖", r"\lVert\cdot\rVert")
    partial = rf"\quad ({note})" if "‖" in found.note else ""
    return written + partial


def _matrix(table: Table) -> str:
    if len(table.cells) == 1 and len(table.cells[0]) == 1:
        return scientific(table.cells[0][0])
    rows = r" \\ ".join(" & ".join(map(scientific, line)) for line in table.cells)
    index = f"_{{{table.label}}}" if table.label else ""
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}{index}"


def scientific(cell: str) -> str:
    r"""Return a number in LaTeX.

    >>> scientific("1.5e-07")
    '1.5\\times 10^{-7}'
    """
    if cell in DOTS:
        return DOTS[cell]
    mantissa, _, exponent = cell.partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else mantissa
