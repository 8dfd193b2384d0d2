"""The soak, for a moment; `python tools/soak.py --minutes 60` is the whole."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_short_soak() -> None:
    command = [sys.executable, "tools/soak.py", "--minutes", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 errors" in done.stdout
