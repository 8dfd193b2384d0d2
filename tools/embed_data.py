"""Write the data sets embedded in `lamina.data` from scikit-learn's bundled copies.

Run `python tools/embed_data.py` with scikit-learn installed. The files are the same from run to
run, so a change shows in version control. Sources and licences: src/lamina/data/files/SOURCES.md.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_iris

FILES = Path(__file__).resolve().parents[1] / "src" / "lamina" / "data" / "files"


def embed_digits() -> None:
    """Images as uint8 counts 0 … 16, ``[1797, 8, 8]``, and labels."""
    bunch = load_digits()
    pixels = bunch.images.astype(np.uint8)
    np.savez_compressed(FILES / "digits.npz", pixels=pixels, labels=bunch.target.astype(np.uint8))


def embed_iris() -> None:
    """Four measurements in tenths of a centimetre, ``[150, 4]`` uint8, and labels."""
    bunch = load_iris()
    tenths = np.rint(bunch.data * 10).astype(np.uint8)
    np.savez_compressed(FILES / "iris.npz", tenths=tenths, labels=bunch.target.astype(np.uint8))


if __name__ == "__main__":
    FILES.mkdir(parents=True, exist_ok=True)
    embed_digits()
    embed_iris()
    for file in sorted(FILES.glob("*.npz")):
        print(f"{file.name}: {file.stat().st_size} bytes")
