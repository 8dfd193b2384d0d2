"""Going back to before a step that has overwritten what it started from.

Of what a step overwrites a copy is made only now and then. To get to any step since, the copy is
put back and the steps up to it are run again: native code gives the same bits for the same inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.types import Array

if TYPE_CHECKING:
    from lamina.compiler.executable import Executable

STEPS = 64
BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """What a step was run with, beside weights and state, and the bits of what it gave."""

    executable: Executable
    hyperparameters: tuple[Any, ...]
    given: tuple[Array, ...]
    seen: tuple[bytes, bytes]


class Log:
    """A copy of weights and state, and the steps since."""

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays
        self._saved = [np.empty_like(array) for array in arrays]
        # Batches are kept as well: as many as take no more memory than the copy, or 16 MiB.
        self._limit = max(BYTES, sum(array.nbytes for array in arrays))
        self.steps: list[Step] = []
        self.renew()

    def renew(self) -> None:
        """Copy the arrays as they are now, and forget the steps before."""
        self.steps.clear()
        self._room = self._limit
        for array, saved in zip(self._arrays, self._saved, strict=True):
            np.copyto(saved, array)

    def full(self) -> bool:
        """Return whether it is time for a new copy."""
        return len(self.steps) >= STEPS or self._room < 0

    def add(self, step: Step) -> None:
        """Note a step that was run."""
        self.steps.append(step)
        self._room -= sum(array.nbytes for array in step.given)

    def put_back(self) -> None:
        """Write the copy to the arrays."""
        for array, saved in zip(self._arrays, self._saved, strict=True):
            np.copyto(array, saved)
