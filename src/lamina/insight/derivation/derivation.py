"""A derivation, and the forms in which it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, log10
from pathlib import Path

from lamina.core.errors import ArgumentError
from lamina.insight.derivation.step import Section, Step
from lamina.insight.derivation.text import Text

FORMATS = ("text", "markdown", "latex", "html")


@dataclass(frozen=True, eq=False)
class Derivation:
    """Verified steps by layer and direction.

    ``limit`` in the forms is how many numbers of a matrix are shown whole; of a larger one there
    are a corner, the shape and the norm. ``language`` is ``"en"``, ``"zh"`` or ``"both"``.
    """

    title: Text
    sections: tuple[Section, ...]
    samples: int = 1

    @property
    def steps(self) -> Iterator[Step]:
        """All steps in order."""
        return (step for section in self.sections for step in section.steps)

    @property
    def error(self) -> float:
        """The largest relative difference between a formula and the framework."""
        return max((step.error for step in self.steps), default=0.0)

    def with_sections(self, *sections: Section) -> Derivation:
        """Return the derivation with further sections at its end."""
        return replace(self, sections=(*self.sections, *sections))

    @property
    def legend(self) -> Text:
        """What the symbols mean, and how far the steps were verified."""
        count, error = len(list(self.steps)), bound(self.error)
        parts = LEGEND if self.samples == 1 else LEGEND_OF_BATCH
        return parts.filled(count=count, error=error, samples=self.samples)

    def to_text(self, language: str = "en", limit: int = 36) -> str:
        """Return the derivation as plain text for a terminal."""
        from lamina.insight.derivation.as_text import as_text

        return as_text(self, language, limit)

    def to_markdown(self, language: str = "both", limit: int = 36) -> str:
        """Return the derivation as Markdown with formulas in dollar signs."""
        from lamina.insight.derivation.as_markdown import as_markdown

        return as_markdown(self, language, limit)

    def to_latex(self, language: str = "en", limit: int = 36) -> str:
        """Return the derivation as a LaTeX document (Chinese needs XeLaTeX or LuaLaTeX)."""
        from lamina.insight.derivation.as_latex import as_latex

        return as_latex(self, language, limit)

    def to_html(self, language: str = "both", limit: int = 100) -> str:
        """Return the derivation as one HTML page that needs nothing else."""
        from lamina.insight.derivation.as_html import as_html

        return as_html(self, language, limit)

    def render(self, format: str = "text", language: str = "both") -> str:
        """Return the derivation as ``"text"``, ``"markdown"``, ``"latex"`` or ``"html"``."""
        if format not in FORMATS:
            raise ArgumentError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
        written: str = getattr(self, f"to_{format}")(language)
        return written

    def save(self, path: str | Path, language: str = "both") -> None:
        """Write the form that the file's suffix (.txt, .md, .tex, .html) stands for."""
        suffixes = dict(zip((".txt", ".md", ".tex", ".html"), FORMATS, strict=True))
        suffix = Path(path).suffix
        if suffix not in suffixes:
            raise ArgumentError(f"save: expected a name in {', '.join(suffixes)}, got {path}")
        Path(path).write_text(self.render(suffixes[suffix], language), encoding="utf-8")

    def __str__(self) -> str:
        return self.to_text()


def bound(error: float) -> str:
    """Return the power of ten that an error does not exceed, at least that of rounding.

    >>> bound(3e-8), bound(0.0)
    ('1e-07', '1e-15')
    """
    return f"1e{ceil(log10(max(error, 1e-15))):03d}"


LEGEND = Text(
    "z: net input, a: activation, δ = ∂L/∂z: error term, ⊙: element by element. "
    "Layers without an activation function have a = z. "
    "Z and X are z and a in maps, ⊗ is cross-correlation, ⊗̃ the wide one. "
    "All {count} steps were evaluated from their formulas and agree with the framework's forward "
    "pass and reverse mode to a relative {error} or better.",
    "z：净输入，a：活性值，δ = ∂L/∂z：误差项，⊙：按元素乘积。"
    "没有激活函数的层 a = z。Z 和 X 是特征映射形式的 z 和 a，⊗ 为互相关，⊗̃ 为宽卷积形式。"
    "全部 {count} 步均按公式独立计算，与框架的前向计算和反向模式一致，相对误差不超过 {error}。",
)
LEGEND_OF_BATCH = Text(
    LEGEND.en + " {samples} samples: vectors of units are the columns of matrices, a column a "
    "sample; δ holds the loss's mean over the samples.",
    LEGEND.zh + "共 {samples} 个样本：单元向量为矩阵的列，每列一个样本；δ 已包含损失对样本的平均。",
)
