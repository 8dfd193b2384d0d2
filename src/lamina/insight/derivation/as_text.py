"""A derivation as plain text."""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

from lamina.insight.derivation.derivation import Derivation
from lamina.insight.derivation.math_text import math_text
from lamina.insight.derivation.numbers import shown_lines
from lamina.insight.derivation.step import Quantity, Section, Step

PIECES = r"[\u2e80-\uffef][，。：；）]*|[^\u2e80-\uffef\s]+[，。：；）]*\s*|\s+"


def as_text(derivation: Derivation, language: str, limit: int) -> str:
    """Return title, legend, and the steps by section, symbols before numbers."""
    title = derivation.title.spoken(language)
    lines = [title, "═" * _width(title)]
    for each in ("en", "zh") if language == "both" else (language,):
        lines += _wrapped(derivation.legend.spoken(each))
    for section in derivation.sections:
        lines += ["", *section_text(section, language, limit)]
    return "\n".join(lines) + "\n"


def section_text(section: Section, language: str, limit: int) -> list[str]:
    """Return the lines of one section."""
    heading = section.title.spoken(language)
    lines = [heading, "─" * _width(heading)]
    for step in section.steps:
        lines += _step(step, language, limit)
    return lines


def _step(step: Step, language: str, limit: int) -> list[str]:
    lines = [f"{step.words.spoken(language)}:  {math_text(step.formula)}"]
    for quantity in step.given:
        lines += _quantity(quantity, limit, "    ")
    return lines + _quantity(step.result, limit, "  ⇒ ")


def _quantity(quantity: Quantity, limit: int, before: str) -> list[str]:
    """Return ``symbol = numbers``; the symbol stands at the first row."""
    head = f"{before}{math_text(quantity.symbol)} = "
    rows = shown_lines(quantity.value, limit)
    return [(head if n == 0 else " " * _width(head)) + row for n, row in enumerate(rows)]


def _wrapped(text: str) -> list[str]:
    """Return lines of at most 100 columns; between Chinese characters a line may end anywhere."""
    lines = [""]
    for part in re.findall(PIECES, text):
        if _width(lines[-1] + part.rstrip()) > 100:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _width(text: str) -> int:
    """Return how many columns a terminal needs: Chinese characters take two, accents none."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
