"""A derivation as Markdown."""

from __future__ import annotations

from lamina.insight.derivation.as_latex import matrices
from lamina.insight.derivation.derivation import Derivation
from lamina.insight.derivation.math_latex import math_latex
from lamina.insight.derivation.step import Step


def as_markdown(derivation: Derivation, language: str, limit: int) -> str:
    """Return headings, and formulas and matrices in double dollar signs."""
    lines = [f"# {derivation.title.spoken(language)}", "", derivation.legend.spoken(language)]
    for section in derivation.sections:
        lines += ["", f"## {section.title.spoken(language)}"]
        for step in section.steps:
            lines += _step(step, language, limit)
    return "\n".join(lines) + "\n"


def _step(step: Step, language: str, limit: int) -> list[str]:
    lines = ["", f"**{step.words.spoken(language)}**", "", f"$${math_latex(step.formula)}$$", ""]
    for quantity in (*step.given, step.result):
        symbol = math_latex(quantity.symbol)
        lines += [f"$${symbol} = {matrices(quantity.value, limit)}$$", ""]
    return lines[:-1]
