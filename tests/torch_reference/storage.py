"""The file of recorded answers: digests of PyTorch's answers by case id."""

import json
import zipfile
from pathlib import Path

import numpy as np

from tests.torch_reference.answer import Digest

FILE = Path(__file__).with_name("answers.zip")
Recorded = dict[str, dict[str, Digest]]


def save(recorded: Recorded, version: str, path: Path = FILE) -> None:
    """Writes the digests; the bytes depend on the digests alone."""
    slots = [(case, slot, d) for case, found in recorded.items() for slot, d in found.items()]
    index: dict[str, list[object]] = {case: [] for case in recorded}
    for case, slot, each in slots:
        index[case].append([slot, each.dtype, each.shape])
    text = json.dumps({"torch": version, "cases": index}, separators=(",", ":"))
    numbers = np.array([each.numbers for *_, each in slots], dtype="<f8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in (("index.json", text.encode()), ("numbers.f8", numbers.tobytes())):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)


def load(path: Path = FILE) -> tuple[str, Recorded]:
    """PyTorch's version and the digests."""
    with zipfile.ZipFile(path) as archive:
        index = json.loads(archive.read("index.json"))
        numbers = np.frombuffer(archive.read("numbers.f8"), dtype="<f8")
    rows = iter(numbers.reshape(-1, 5).tolist())
    recorded = {
        case: {s: Digest(tuple(shape), dtype, tuple(next(rows))) for s, dtype, shape in slots}
        for case, slots in index["cases"].items()
    }
    return index["torch"], recorded
