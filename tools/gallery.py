"""Draw every picture of docs/gallery anew, and its README (run in the repository, `make gallery`).

The pictures are listed in the modules of tools/gallery_pictures: each has a TITLE and PICTURES,
entries of (file, caption, function). The function returns a matplotlib Figure for a .png file,
text for .svg or .html. What is in the folder and on no list is removed. With names of files as
arguments only those are drawn. The same versions of NumPy and matplotlib give the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from PIL import Image

import lamina

TOOLS = Path(__file__).parent
GALLERY = TOOLS.parent / "docs" / "gallery"
LARGEST = 150 * 1024
HEAD = """# Gallery

What `lamina.insight` shows. `make gallery` draws all of it anew.
"""


@dataclass(frozen=True)
class Picture:
    """One entry of a list of pictures, under the title of its module."""

    section: str
    file: str
    caption: str
    draw: Callable[[], Any]


def pictures() -> Iterator[Picture]:
    """Yield all pictures, module by module in alphabetical order."""
    sys.path.insert(0, str(TOOLS))
    for found in iter_modules([str(TOOLS / "gallery_pictures")]):
        if not found.name.startswith("_"):
            module = import_module(f"gallery_pictures.{found.name}")
            yield from (Picture(module.TITLE, *entry) for entry in module.PICTURES)


def write(picture: Picture, folder: Path = GALLERY) -> Path:
    """Draw a picture into its file."""
    lamina.manual_seed(0)
    drawn, path = picture.draw(), folder / picture.file
    if isinstance(drawn, str):
        path.write_text(drawn, encoding="utf-8")
    else:
        _write_png(drawn, path)
    size = path.stat().st_size
    if size > LARGEST and path.suffix == ".png":
        raise SystemExit(f"{picture.file} has {size:,} bytes, more than {LARGEST:,}: draw less")
    return path


def _write_png(figure: Any, path: Path) -> None:
    """Write a picture of at most 256 colours, a third as large as with all of them."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=90, format="png", metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def readme(listed: list[Picture]) -> str:
    """Return the page that shows all pictures with their captions."""
    lines, section = [HEAD], ""
    for picture in listed:
        if picture.section != section:
            section = picture.section
            lines.append(f"## {section}\n")
        mark = "" if picture.file.endswith(".html") else "!"
        lines.append(f"{mark}[{picture.file}]({picture.file})\n\n{picture.caption}\n")
    return "\n".join(lines)


def main(chosen: list[str]) -> None:
    GALLERY.mkdir(parents=True, exist_ok=True)
    listed = list(pictures())
    unknown = set(chosen) - {picture.file for picture in listed}
    if unknown:
        raise SystemExit(f"no such picture: {', '.join(sorted(unknown))}")
    for picture in listed:
        if not chosen or picture.file in chosen:
            print(f"{write(picture).stat().st_size:9,} bytes  {picture.file}", flush=True)
    for stale in {path.name for path in GALLERY.iterdir()} - {p.file for p in listed}:
        (GALLERY / stale).unlink()
    (GALLERY / "README.md").write_text(readme(listed), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
