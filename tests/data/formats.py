"""Writers of small valid files in the published formats, independent of Lamina's readers."""

import gzip
import io
import pickle
import struct
import tarfile
from types import BuiltinFunctionType, FunctionType
from typing import ClassVar

import numpy as np

TEN = [f"name{i}".encode() for i in range(10)]


def idx_bytes(array, code=0x08):
    head = struct.pack(">BBBB", 0, 0, code, array.ndim)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder, counts=(12, 6), size=28, suffix=""):
    generator = np.random.default_rng(0)
    for part, count in zip(("train", "t10k"), counts, strict=True):
        images = generator.integers(0, 256, (count, size, size), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx_bytes(array)
            content = gzip.compress(content) if suffix == ".gz" else content
            (folder / f"{part}-{name}-ubyte{suffix}").write_bytes(content)


class PythonTwoPickler(pickle._Pickler):
    """Writes bytes and text as Python 2 wrote its strings, which is how CIFAR was pickled."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        value = value.encode() if isinstance(value, str) else value
        if len(value) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(value)]) + value)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    def save_global(self, obj, name=None):
        modules = {"_reconstruct": b"numpy.core.multiarray", "ndarray": b"numpy", "dtype": b"numpy"}
        self.write(pickle.GLOBAL + modules[obj.__name__] + b"\n" + obj.__name__.encode() + b"\n")
        self.memoize(obj)

    dispatch[bytes] = save_string
    dispatch[str] = save_string
    dispatch[FunctionType] = save_global
    dispatch[BuiltinFunctionType] = save_global
    dispatch[type] = save_global


def python_two_pickle(value):
    stream = io.BytesIO()
    PythonTwoPickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def cifar_records(count, classes, seed):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (count, 3072), np.uint8)
    return pixels, [int(label) for label in generator.integers(0, classes, count)]


def cifar10_files(kind, count=3):
    """File name -> content, for `kind` "binary" or "python"; five training batches and a test."""
    files = {}
    for seed, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        pixels, labels = cifar_records(count, 10, seed)
        if kind == "binary":
            rows = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], 1)
            files[f"{name}.bin"] = rows.tobytes()
        else:
            entries = {b"batch_label": b"a batch", b"labels": labels, b"data": pixels}
            entries[b"filenames"] = [b"some_%d.png" % i for i in range(count)]
            files[name] = python_two_pickle(entries)
    if kind == "binary":
        files["batches.meta.txt"] = b"\n".join(TEN) + b"\n\n"
    else:
        meta = {b"num_cases_per_batch": count, b"label_names": TEN, b"num_vis": 3072}
        files["batches.meta"] = python_two_pickle(meta)
    return files


def cifar100_files(kind, count=4):
    fine, coarse = ([b"%s%d" % (n, i) for i in range(k)] for n, k in ((b"f", 100), (b"c", 20)))
    files = {}
    for seed, name in enumerate(("train", "test")):
        pixels, fine_labels = cifar_records(count, 100, seed)
        coarse_labels = [label // 5 for label in fine_labels]
        if kind == "binary":
            labels = np.array([coarse_labels, fine_labels], np.uint8).T
            files[f"{name}.bin"] = np.concatenate([labels, pixels], 1).tobytes()
        else:
            entries = {b"filenames": [b"x"] * count, b"batch_label": b"b", b"data": pixels}
            entries |= {b"fine_labels": fine_labels, b"coarse_labels": coarse_labels}
            files[name] = python_two_pickle(entries)
    if kind == "binary":
        files["fine_label_names.txt"] = b"\n".join(fine) + b"\n"
        files["coarse_label_names.txt"] = b"\n".join(coarse) + b"\n"
    else:
        names = {b"fine_label_names": fine, b"coarse_label_names": coarse}
        files["meta"] = python_two_pickle(names)
    return files


def write_folder(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def tar_gz(folder_name, files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder_name}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def npz_bytes(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()
