"""Code from the disk: it is that of the same program, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.compiler import cache
from lamina.compiler.code import Code, from_bytes
from lamina.compiler.executable import Executable
from lamina.compiler.fingerprint import digest, fingerprint
from lamina.core.program import Program
from lamina.core.types import Array

X, Y = lamina.ones(3, 4), lamina.ones(3, 4) * 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, used as outside the tests: without passes being checked."""
    monkeypatch.delenv("LAMINA_DEBUG", raising=False)
    monkeypatch.setenv("LAMINA_CACHE_DIR", str(tmp_path))
    cache._default.cache_clear()
    yield tmp_path
    cache._default.cache_clear()


def program(f: Callable[..., Any], *arguments: Any) -> Program:
    return lamina.trace(f, *(arguments or (X, Y)))


def _unplanned(made: Executable) -> bool:
    return "plan" not in vars(made)


WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)

PROGRAMS: dict[str, Callable[..., Any]] = {
    "pointwise": lambda x, y: lamina.tanh(x) * y + 1,
    "constants": lambda x, y: (x @ WEIGHTS, y * WEIGHTS.T),
    "folded": lambda x, y: x + lamina.exp(lamina.tensor(WEIGHTS.T)) * y,
    "repeated": lambda x, y: x + lamina.zeros(3, 4) + lamina.ones(4) * y,
    "an input as output": lambda x, y: (x, y - x),
    "no input": lambda: (lamina.ones(2, 3) * 4, lamina.arange(3)),
    "empty": lambda x, y: (x[:, :0], y),
    "integers and bools": lambda x, y: ((x < y), lamina.argmax(y, 1)),
    "random": lambda k: lamina.random.normal(k, (4, 5)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_code_from_the_disk_computes_the_same(name: str, folder: Path) -> None:
    given = {"no input": (), "random": (lamina.random.key(3),)}.get(name, (X, Y))
    traced = lamina.trace(PROGRAMS[name], *given)
    arrays = [tensor.numpy() for tensor in given]
    first = Executable(traced)
    again = Executable(lamina.trace(PROGRAMS[name], *given))
    assert not _unplanned(first) and _unplanned(again)
    for made, found, wanted in zip(
        first(*arrays), again(*arrays), traced.evaluate(*arrays), strict=True
    ):
        np.testing.assert_array_equal(made, found)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert len(list(folder.glob("*.entry"))) >= 1


def test_what_is_donated_and_prepared_comes_from_the_disk_too(folder: Path) -> None:
    def update(w: Any, x: Any) -> Any:
        return w - lamina.tanh(w) * x, (w @ x.T).sum()

    for attempt in range(2):
        made = Executable(program(update), {0: 0})
        assert _unplanned(made) == bool(attempt)
        weights = X.numpy().copy()
        (total,) = made(weights, Y.numpy())
        np.testing.assert_allclose(weights, 1 - np.tanh(1) * 2, rtol=1e-6)
        assert total == 72
    image, kernel = lamina.ones(1, 8, 9, 9), lamina.ones(8, 8, 3, 3)
    convolution = program(lambda w, x: lamina.functions.conv2d(x, w), kernel, image)
    for attempt in range(2):
        made = Executable(convolution, static=[0])
        assert _unplanned(made) == bool(attempt)
        bound = made.bind({0: kernel.numpy()})
        np.testing.assert_array_equal(bound(image.numpy())[0], np.full((1, 8, 7, 7), 72.0))
        assert made.code.prepares


def test_show_and_profile_plan_again(folder: Path) -> None:
    f = PROGRAMS["pointwise"]
    shown = [lamina.compile(f).show("loops", X, Y) for _ in range(2)]
    assert shown[0] == shown[1] and "copysign" in shown[0]
    lines = [line.kernel for line in lamina.compile(f).profile(X, Y, rounds=1)]
    assert lines == ["fused_0"]


def test_a_damaged_entry_is_made_again(folder: Path) -> None:
    traced = program(PROGRAMS["constants"])
    Executable(traced)
    for entry in folder.glob("*.entry"):
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    assert not _unplanned(Executable(traced))
    assert _unplanned(Executable(traced))


DIFFERENT: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "a constant": (lambda x, y: x * 2, lambda x, y: x * 3),
    "a sign of zero": (lambda x, y: x + 0.0, lambda x, y: x + -0.0),
    "an array": (lambda x, y: x @ WEIGHTS, lambda x, y: x @ WEIGHTS[::-1]),
    "an attribute": (lambda x, y: x.sum(0), lambda x, y: x.sum(1)),
    "operands": (lambda x, y: x - y, lambda x, y: y - x),
    "the order of outputs": (lambda x, y: (x + 1, y), lambda x, y: (y, x + 1)),
    "a function": (lambda x, y: lamina.sin(x), lambda x, y: lamina.cos(x)),
    "sharing": (lambda x, y: (x + y, x + 1), lambda x, y: (x + y, y + 1)),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_other_programs_have_other_fingerprints(what: str) -> None:
    first, second = (fingerprint(program(f), {}, ()) for f in DIFFERENT[what])
    assert first is not None and first != second


def test_types_and_roles_of_inputs_count() -> None:
    f = PROGRAMS["pointwise"]
    made = [
        fingerprint(program(f), {}, ()),
        fingerprint(program(f), {0: 0}, ()),
        fingerprint(program(f), {0: 1}, ()),
        fingerprint(program(f), {}, (0,)),
        fingerprint(program(f, X[:2], Y[:2]), {}, ()),
        fingerprint(program(f, X.double(), Y.double()), {}, ()),
    ]
    assert len(set(made)) == len(made)


def test_names_do_not_count() -> None:
    named = lamina.trace(lambda x, y: x + y, X, Y, names=["a", "b"])
    other = lamina.trace(lambda x, y: x + y, X, Y)
    assert fingerprint(named, {}, ()) == fingerprint(other, {}, ())


def test_digests_tell_arrays_apart() -> None:
    one = np.zeros((2, 2), np.float32)
    arrays: list[Array] = [
        one, one[0], one.astype(np.int32), -one, np.broadcast_to(np.float32(0), (2, 2)),
        np.broadcast_to(np.zeros((2, 1), np.float32), (2, 2)), np.zeros((0, 2), np.float32),
        np.zeros((2, 0), np.float32), np.array(0, np.float32),
    ]  # fmt: skip
    assert len({digest(array) for array in arrays}) == len(arrays)
    turned = np.arange(6.0).reshape(2, 3).T
    assert digest(turned) == digest(turned.copy())


def test_code_to_bytes_and_back() -> None:
    known = np.arange(5.0)
    constants = [np.array(2.5, np.float32), known, np.zeros((0, 3)), np.array([[True], [False]])]
    code = Code(b"native", constants, [0, 64], 128, True)
    back = from_bytes(code.to_bytes([known]), [known])
    assert (back.native, back.offsets, back.arena, back.prepares) == (b"native", [0, 64], 128, True)
    assert back.constants[1] is known
    for made, wanted in zip(back.constants, constants, strict=True):
        np.testing.assert_array_equal(made, wanted)
        assert (made.dtype, made.shape) == (wanted.dtype, wanted.shape)
