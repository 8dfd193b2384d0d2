"""The comparison itself: it accepts a correct side and catches planted faults."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.torch_reference.answer import differences, digest, digests, disagreements
from tests.torch_reference.cases import all_cases, groups
from tests.torch_reference.cases.grid import thin
from tests.torch_reference.comparison import against_live, against_recorded, pytorch, recorded
from tests.torch_reference.data import Input
from tests.torch_reference.lamina_side import LaminaSide
from tests.torch_reference.planted import FAULTS
from tests.torch_reference.storage import load, save

VERSION, _ = load()
FIXED = [0.8499580528811357, 0.17629937575956545, 0.30245640391841655]


def described(fault: Any) -> str:
    return fault if isinstance(fault, str) else getattr(fault, "__name__", repr(fault))


@pytest.mark.parametrize(("fault", "group"), FAULTS, ids=described)
def test_planted_fault_is_caught(fault: Callable[[Any], Any], group: str) -> None:
    cases, base = thin(group, groups()[group], 40), LaminaSide()
    assert not against_recorded(cases, base, recorded())
    caught = against_recorded(cases, fault(base), recorded())
    assert caught
    assert not [each for each in caught if "Error" in each]
    if find_spec("torch"):
        assert against_live(cases, fault(base), pytorch())


@pytest.mark.parametrize("slot", [0, 1, 2, 3])
def test_digest_notices_any_change_of_one_element(slot: int) -> None:
    values = np.linspace(-1.0, 2.0, 4)
    changed = values.copy()
    changed[slot] += 1e-8
    expected, actual = {"output": values}, {"output": changed}
    assert list(disagreements(digests(expected), digests(actual)))
    assert list(differences(expected, actual))


@pytest.mark.parametrize(
    "other",
    [
        np.array([1.0, np.nan, np.inf]),
        np.array([np.nan, 1.0, -np.inf]),
        np.array([np.inf, 1.0, np.nan]),
        np.array([0.0, 1.0, np.inf]),
        np.array([np.nan, 1.0, np.inf], dtype=np.float32),
        np.array([[np.nan, 1.0, np.inf]]),
    ],
)
def test_digest_notices_types_and_non_finite_values(other: Any) -> None:
    expected = {"output": np.array([np.nan, 1.0, np.inf])}
    actual = {"output": other}
    assert list(disagreements(digests(expected), digests(actual)))
    assert list(differences(expected, actual))
    assert not list(disagreements(digests(expected), digests(expected)))
    assert not list(differences(expected, expected))


def test_missing_answers_are_noticed() -> None:
    expected, actual = {"output": np.ones(2), "gradient": np.ones(2)}, {"output": np.ones(2)}
    assert list(disagreements(digests(expected), digests(actual)))
    assert list(differences(expected, actual))


def test_a_digest_never_takes_an_infinite_norm() -> None:
    with pytest.raises(OverflowError):
        digest(np.array([1e300]))


def test_ids_are_unique_and_name_every_difference() -> None:
    cases = all_cases()
    assert len({case.id for case in cases}) == len(cases)
    with_seed = replace(cases[0], name="other")
    assert with_seed.id != cases[0].id


def test_inputs_are_regenerated_exactly() -> None:
    drawn = Input((3,), low=0.0, high=1.0).array("a fixed seed", "float64")
    np.testing.assert_array_equal(drawn, FIXED)


def test_saving_is_deterministic_and_lossless(tmp_path: Path) -> None:
    some = dict(list(recorded().items())[:50])
    save(some, VERSION, tmp_path / "a.zip")
    save(some, VERSION, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert load(tmp_path / "a.zip") == (VERSION, some)
