"""The forms in which a derivation is written."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lamina import insight
from lamina.core.errors import ArgumentError
from lamina.insight.derivation import FORMATS, Derivation, DerivationError, Quantity, Step, Text
from lamina.insight.derivation.mathematics import Symbol, row, with_layer
from lamina.nn import models
from tests.insight.networks import numbers, two_two_one

GOLDEN = Path(__file__).parent / "two_two_one.txt"


@pytest.fixture(scope="module")
def small() -> Derivation:
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0]])
    return insight.trace(two_two_one(), x, y, "mse").derivation()


@pytest.fixture(scope="module")
def lenet() -> Derivation:
    model = models.create("lenet5").double()
    return insight.trace(model, numbers(1, 1, 32, 32), np.array([3]), "cross_entropy").derivation()


def test_golden_text(small: Derivation) -> None:
    assert small.to_text("both") == GOLDEN.read_text(encoding="utf-8")


class References(HTMLParser):
    """Whatever a page would load or lead to, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]


@pytest.mark.parametrize("which", ["small", "lenet"])
def test_html_is_well_formed_and_needs_nothing_else(
    which: str, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(which).to_html()
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    anchors = {element.get("id") for element in root.iter()}
    parser = References()
    parser.feed(page)
    assert all(link.startswith("#") and link[1:] in anchors for link in parser.found)
    assert not parser.tags & {"script", "link", "iframe", "img", "object", "embed"}
    assert "@import" not in page
    assert "url(" not in page
    assert "http" not in page


def test_html_has_the_live_numbers_and_both_languages(small: Derivation) -> None:
    page = small.to_html()
    cells = re.findall(r"<td>([^<]*)</td>", page)
    for number in ("1.09861", "-0.140625", "0.0703125", "-0.28125", "-0.210938", "0.1875"):
        assert number in cells
    assert '<span lang="zh">误差项</span>' in page
    assert "prefers-color-scheme: dark" in page
    assert 'id="show-zh" checked="checked"' in small.to_html("zh")


def test_every_step_has_a_formula_in_mathml(small: Derivation) -> None:
    page = small.to_html()
    assert page.count('<math display="block">') == len(list(small.steps)) == 16
    assert "<mo>⊙</mo>" in page
    assert "<mo>⊤</mo>" in page


def test_markdown(small: Derivation) -> None:
    text = small.to_markdown("en")
    assert text.startswith("# The backward pass of Sequential, derived\n")
    assert r"$$\boldsymbol{\delta}^{(2)} = " in text
    assert r"\begin{bmatrix} -0.140625 & -0.28125 \\ 0.0703125 & 0.140625 \end{bmatrix}" in text
    assert text.count("$$") % 2 == 0


@pytest.mark.parametrize("which", ["small", "lenet"])
def test_latex_is_balanced(which: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(which).to_latex()
    assert text.isascii(), re.findall(r"[^\x00-\x7f]", text)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")
    assert text.count(r"\[") == text.count(r"\]")
    assert text.count(r"\begin") == text.count(r"\end")


def test_large_matrices_are_a_corner_with_shape_and_norm(lenet: Derivation) -> None:
    text = lenet.to_text()
    assert re.search(r"\(84×120, ‖·‖ = [\d.]+\)", text)
    assert "⋮" in text
    assert max(map(len, text.splitlines())) < 200


def test_forms_by_name_and_file(small: Derivation, tmp_path: Path) -> None:
    for form, suffix in zip(FORMATS, (".txt", ".md", ".tex", ".html"), strict=True):
        small.save(tmp_path / f"page{suffix}", "en")
        assert (tmp_path / f"page{suffix}").read_text("utf-8") == small.render(form, "en")
    with pytest.raises(ArgumentError, match=r"expected a name in \.txt, \.md, \.tex, \.html"):
        small.save(tmp_path / "page.pdf")
    with pytest.raises(ArgumentError, match="expected one of text, markdown, latex, html"):
        small.render("word")
    with pytest.raises(ArgumentError, match="expected en, zh or both, got 'fr'"):
        small.to_html("fr")


def test_a_step_that_does_not_agree_cannot_be_made() -> None:
    z = with_layer("z", 1)
    value = np.array([[1.0], [2.0]])

    def step(reference: np.ndarray) -> Step:
        words = Text("net input", "净输入")
        return Step(words, (row(Symbol("x"), "+", Symbol("y")),), Quantity(z, value, words),
                    reference, z)  # fmt: skip

    assert step(value + 1e-10).error == pytest.approx(5e-11)
    with pytest.raises(DerivationError, match=r"z\(1\) = x \+ y does not hold: .*2 at \[1, 0\]"):
        step(np.array([[1.0], [2.1]]))
    with pytest.raises(DerivationError, match=r"shape \(2, 1\) by the formula, .* \(1, 2\)"):
        step(value.T)
    with pytest.raises(DerivationError, match="not finite"):
        step(np.array([[1.0], [np.nan]]))
