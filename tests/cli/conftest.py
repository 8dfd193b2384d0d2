"""What tests of the command line share."""

from pathlib import Path

import pytest


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths lead to a folder that only this test has."""
    monkeypatch.chdir(tmp_path)
