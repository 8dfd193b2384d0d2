"""The memory that this process has taken."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """Return the greatest resident memory of this process so far, in bytes.

    >>> peak_memory() > 10**6
    True
    """
    if STATUS.exists():  # the kernel's count of this program alone, not of the one that started it
        lines = STATUS.read_text(encoding="ascii").splitlines()
        found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        if found:
            return int(found[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
