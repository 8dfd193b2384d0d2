"""A derivation as one page of HTML: MathML and CSS, nothing from elsewhere, no scripts."""

from __future__ import annotations

from html import escape

from lamina.insight.derivation.derivation import Derivation
from lamina.insight.derivation.math_mathml import mathml
from lamina.insight.derivation.mathematics import Operator
from lamina.insight.derivation.numbers import Table, shown
from lamina.insight.derivation.step import Quantity, Section, Step
from lamina.insight.derivation.style import STYLE
from lamina.insight.derivation.text import Text

LANGUAGES = {"en": "English", "zh": "中文", "both": "English + 中文"}


def as_html(derivation: Derivation, language: str, limit: int) -> str:
    """Return the page; ``language`` is what is chosen when it is opened."""
    derivation.title.spoken(language)  # refuses an unknown language
    contents = "".join(
        f'<li><a href="#{section.anchor}">{_words(section.title)}</a></li>'
        for section in derivation.sections
    )
    body = "".join(_section(section, limit) for section in derivation.sections)
    title = escape(derivation.title.spoken(language))
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh" if language == "zh" else "en"}">\n<head>'
        '<meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n"
        f"{_switch(language)}\n<nav><ol>{contents}</ol></nav>\n<main>"
        f"<h1>{_words(derivation.title)}</h1><p>{_words(derivation.legend)}</p>\n"
        f"{body}</main>\n</body>\n</html>\n"
    )


def _switch(language: str) -> str:
    choices = "".join(
        f'<label><input type="radio" name="language" id="show-{key}"'
        f"{' checked=' + chr(34) + 'checked' + chr(34) if key == language else ''}/> {name}</label>"
        for key, name in LANGUAGES.items()
    )
    return f'<header class="languages">{choices}</header>'


def _words(text: Text) -> str:
    if text.en == text.zh:
        return f"<span>{_plain(text.en)}</span>"
    return f'<span lang="en">{_plain(text.en)}</span><span lang="zh">{_plain(text.zh)}</span>'


def _plain(words: str) -> str:
    """Escape; fonts have no ⊗ with a tilde, MathML draws one."""
    return escape(words).replace("⊗̃", mathml(Operator("⊗̃")))


def _section(section: Section, limit: int) -> str:
    steps = "".join(_step(step, limit) for step in section.steps)
    return f'<section id="{section.anchor}"><h2>{_words(section.title)}</h2>{steps}</section>\n'


def _step(step: Step, limit: int) -> str:
    given = "".join(_quantity(quantity, limit) for quantity in step.given)
    shown_given = f'<div class="given">{given}</div>' if given else ""
    agreed = Text("verified, relative difference", "已验证，相对误差")
    return (
        f'<article><h3>{_words(step.words)}</h3><div class="formula">'
        f"{mathml(step.formula, display=True)}</div>{shown_given}"
        f'<div class="result">{_quantity(step.result, limit)}</div>'
        f'<p class="verified">✓ {_words(agreed)} {step.error:.1g}</p></article>\n'
    )


def _quantity(quantity: Quantity, limit: int) -> str:
    found = shown(quantity.value, limit)
    tables = "".join(map(_table, found.tables))
    return (
        f'<figure><figcaption>{mathml(quantity.symbol)} <span class="note">{_words(quantity.words)}'
        f", {escape(found.note)}</span></figcaption><div>{tables}</div></figure>"
    )


def _table(table: Table) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in table.cells
    )
    label = f"<caption>{escape(table.label)}</caption>" if table.label else ""
    return f"<table>{label}<tbody>{rows}</tbody></table>"
