"""Randomness in compiled functions comes from a key among the arguments."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import TraceError
from lamina.random import key, use_keys


def test_a_key_that_would_be_frozen_is_an_error() -> None:
    with pytest.raises(TraceError, match="the same random numbers in every call: pass a key"):
        lamina.compile(lambda x: F.dropout(x, 0.5))(lamina.ones(8))


def test_a_key_among_the_arguments_decides() -> None:
    def drop(x: lamina.Tensor, seed: lamina.Tensor) -> lamina.Tensor:
        with use_keys(seed):
            return F.dropout(x, 0.5)

    compiled, x = lamina.compile(drop), lamina.ones(64)
    found = [compiled(x, key(n)).numpy() for n in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    np.testing.assert_array_equal(found[0], drop(x, key(0)).numpy())
