"""Words in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.core.errors import ArgumentError

LANGUAGES = ("en", "zh", "both")


@dataclass(frozen=True)
class Text:
    """The same words in both languages.

    >>> Text("error term", "误差项").spoken("both")
    'error term · 误差项'
    """

    en: str
    zh: str

    def spoken(self, language: str) -> str:
        """Return the words in ``"en"``, ``"zh"`` or ``"both"``."""
        if language not in LANGUAGES:
            raise ArgumentError(f"language: expected en, zh or both, got {language!r}")
        if language == "both":
            return self.en if self.en == self.zh else f"{self.en} · {self.zh}"
        return self.en if language == "en" else self.zh

    def filled(self, **parts: object) -> Text:
        """Return the words with ``{name}`` replaced in both languages."""
        return Text(self.en.format(**parts), self.zh.format(**parts))
