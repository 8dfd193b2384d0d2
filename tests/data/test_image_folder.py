import subprocess
import sys

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, DataError
from lamina.data import image_folder

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Two classes; a.png and b.png of "cat", c.bmp of "dog"; 4×3 pixels each."""
    generator = np.random.default_rng(1)
    for name in ("dog/c.bmp", "cat/b.png", "cat/a.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (4, 3, 3), np.uint8)).save(file)
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_classes_files_and_pixels(folder):
    data = image_folder(folder)
    assert data.classes == ("cat", "dog")
    assert data.targets.tolist() == [0, 0, 1]
    assert data.inputs.shape == (3, 3, 4, 3)
    assert data.inputs.dtype == np.float32
    pixels = np.asarray(Image.open(folder / "cat" / "a.png"))
    assert np.array_equal(np.rint(data.inputs[0] * 255), pixels.transpose(2, 0, 1))


def test_size_and_grayscale(folder):
    data = image_folder(folder, size=8, grayscale=True)
    assert data.inputs.shape == (3, 1, 8, 8)
    picture = Image.open(folder / "dog" / "c.bmp").convert("L")
    scaled = np.asarray(picture.resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(np.rint(data.inputs[2, 0] * 255), scaled)
    with pytest.raises(ArgumentError, match="size"):
        image_folder(folder, size=0)


def test_palette_and_transparency_become_colours(folder):
    Image.new("RGBA", (3, 4), (10, 20, 30, 0)).save(folder / "dog" / "d.png")
    Image.new("RGB", (3, 4), (0, 0, 255)).quantize(4).save(folder / "dog" / "e.png")
    inputs = np.rint(image_folder(folder).inputs * 255)
    assert inputs[3, :, 0, 0].tolist() == [10, 20, 30]
    assert inputs[4, :, 0, 0].tolist() == [0, 0, 255]


def test_another_size(folder):
    Image.new("RGB", (5, 4)).save(folder / "dog" / "d.png")
    with pytest.raises(DataError, match=r"d.png: expected 4×3 pixels .*a.png, got 4×5.*size="):
        image_folder(folder)


def test_a_file_cut_short_or_not_an_image(folder):
    file = folder / "cat" / "a.png"
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"a.png: byte \d+: expected a whole image"):
        image_folder(folder)
    file.write_bytes(b"nothing like it")
    with pytest.raises(DataError, match=r"a.png: byte 0: expected an image"):
        image_folder(folder)


def test_sixteen_bits_are_refused(folder):
    Image.fromarray(np.full((4, 3), 40_000, np.uint16)).save(folder / "dog" / "d.png")
    with pytest.raises(DataError, match=r"d.png: .*8 bits a channel, got mode I"):
        image_folder(folder)


def test_no_images(folder, tmp_path):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected images of a class"):
        image_folder(folder)
    with pytest.raises(DataError, match="subfolder of images"):
        image_folder(folder / "cat")
    with pytest.raises(DataError, match="cannot be read"):
        image_folder(folder / "nowhere")


def test_pillow_is_named_where_it_is_missing(folder):
    program = f"""
import sys
sys.modules["PIL"] = None
from lamina.core.errors import MissingExtraError
from lamina.data import image_folder
try:
    image_folder({str(folder)!r})
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'lamina[images]'" in done.stdout
