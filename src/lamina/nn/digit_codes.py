"""Bitmaps of the ten digits, 7 columns by 12 rows: target codes for `RBFOutput`."""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array

HEIGHT, WIDTH = 12, 7

# The digits side by side, each in a cell of seven columns.
_TOP = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..##... ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##
##...## .###... .....## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...#... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
"""
_MIDDLE = """
##...## ...#... ....##. ....##. ##..##. ######. ######. ....##. .##.##. ##...##
##...## ...#... ...##.. ..###.. ##..##. .....## ##...## ...##.. ..###.. .######
##...## ...#... ..##... ....##. ##..##. .....## ##...## ...##.. .##.##. .....##
##...## ...#... .##.... .....## ####### .....## ##...## ..##... ##...## .....##
"""
_BOTTOM = """
##...## ...#... ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...#... ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
.##.##. ...#... ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
..###.. .#####. ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
"""


def digit_codes() -> Array:
    """Return the codes of the digits 0 to 9, (10, 84): +1 for ink, -1 for paper, row by row.

    >>> digit_codes().shape, sorted(set(digit_codes().ravel().tolist()))
    ((10, 84), [-1.0, 1.0])
    """
    rows = [row.split() for row in (_TOP + _MIDDLE + _BOTTOM).split("\n") if row]
    codes = [[pixel == "#" for row in rows for pixel in row[digit]] for digit in range(10)]
    return np.where(np.array(codes), np.float32(1), np.float32(-1))
