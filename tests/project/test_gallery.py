"""The gallery: its page tells what is there, and a picture comes out the same each time."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for package in ("matplotlib", "sklearn", "PIL"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "tools" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gallery", module)  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_folder_are_what_is_listed(gallery: ModuleType) -> None:
    listed = list(gallery.pictures())
    files = [picture.file for picture in listed]
    assert len(set(files)) == len(files) > 0
    assert {path.name for path in gallery.GALLERY.iterdir()} == {*files, "README.md"}
    page = (gallery.GALLERY / "README.md").read_text(encoding="utf-8")
    assert page == gallery.readme(listed)
    assert all(picture.caption in page for picture in listed)


def test_a_picture_comes_out_the_same(gallery: ModuleType, tmp_path: Path) -> None:
    picture = next(p for p in gallery.pictures() if p.file == "convolution_signal.png")
    first = gallery.write(picture, tmp_path).read_bytes()
    assert first == gallery.write(picture, tmp_path).read_bytes()
    assert first.startswith(b"\x89PNG")


def test_text_is_written_as_it_is_and_large_pictures_are_refused(
    gallery: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = gallery.Picture("s", "page.svg", "c", lambda: "<svg>δ</svg>")
    assert gallery.write(text, tmp_path).read_text(encoding="utf-8") == "<svg>δ</svg>"
    monkeypatch.setattr(gallery, "LARGEST", 10)
    picture = next(p for p in gallery.pictures() if p.file == "convolution_signal.png")
    with pytest.raises(SystemExit, match="more than 10: draw less"):
        gallery.write(picture, tmp_path)
