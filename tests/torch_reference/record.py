"""Records PyTorch's answers: `python -m tests.torch_reference.record` (needs torch)."""

import numpy as np
import torch

from tests.torch_reference.answer import digests
from tests.torch_reference.cases import all_cases
from tests.torch_reference.side import solve
from tests.torch_reference.storage import FILE, Recorded, save
from tests.torch_reference.torch_side import TorchSide


def main() -> None:
    """Answers every case with PyTorch and writes the digests."""
    side = TorchSide()
    recorded: Recorded = {}
    for case in all_cases():
        with side.quiet(), np.errstate(all="ignore"):
            recorded[case.id] = digests(solve(case, side))
    save(recorded, torch.__version__)
    size = FILE.stat().st_size
    print(f"{len(recorded)} cases of torch {torch.__version__} -> {FILE} ({size:,} bytes)")


if __name__ == "__main__":
    main()
