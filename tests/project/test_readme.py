"""What README.md shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import lamina

README = Path(__file__).parents[2] / "README.md"


def test_the_examples_run() -> None:
    failed, tried = doctest.testfile(str(README), module_relative=False)
    assert tried > 10
    assert not failed


def test_the_summary_is_the_one_shown() -> None:
    shown = re.search(r"\$ lamina summary lenet5\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown is not None
    model = lamina.nn.models.create("lenet5")
    table = str(model.summary((1, 32, 32)))
    assert shown[1].rstrip().splitlines() == [line.rstrip() for line in table.splitlines()]
