"""Kill a training run at random moments, resume it each time, and compare with one left alone.

    python tools/kill_and_resume.py [--kills 20] [--seed 0] [--model lenet] [--epochs 2]

The run is ``lamina train`` in a process of its own, with dropout-free LeNet on the digits by
default. It is killed by SIGKILL after a random time, wherever it is then: importing, in a step, or
in the middle of writing a checkpoint. The final weights, optimiser state and curves must equal
those of the uninterrupted run bit for bit; the exit code says whether they do.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.train import load_checkpoint, storage

PARTS = ("model", "optimiser", "schedule", "key", "epoch", "step", "totals", "history", "data")


def command(arguments: Sequence[str], every_steps: int) -> list[str]:
    """The training command, with frequent checkpoints so that many kills hit one."""
    program = [sys.executable, "-c", "from lamina.cli import main; main()", "train", *arguments]
    return [*program, "--quiet", "--set", f"checkpoint.every_steps={every_steps}"]


def run_whole(run: list[str], folder: Path) -> float:
    """Train without interruption; return the seconds a step took (with its share of the rest)."""
    started = time.monotonic()
    subprocess.run([*run, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    print(f"uninterrupted: {last_step(folder)} steps in {seconds:.1f} s", flush=True)
    return seconds / last_step(folder)


def run_killed(run: list[str], folder: Path, kills: int, steps: int, pace: float, seed: int) -> int:
    """Train with kills, then to the end; return how many kills met the run alive.

    Each waits for a random number of steps, so that the kills spread over the whole run, and then
    for a random part of the time between two checkpoints or of the program's start.
    """
    moments = random.Random(seed)
    alive = 0
    for number in range(kills):
        goal = last_step(folder) + moments.randint(0, steps // (kills + 1))
        process = subprocess.Popen([*run, *_target(folder)], stdout=subprocess.DEVNULL)
        while process.poll() is None and last_step(folder) < goal:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 5 * pace))
        process.send_signal(signal.SIGKILL)
        alive += process.wait() == -signal.SIGKILL
        print(f"kill {number + 1}: {_found(folder)}", flush=True)
    subprocess.run([*run, *_target(folder)], check=True, stdout=subprocess.DEVNULL)
    return alive


def last_step(folder: Path) -> int:
    """The step of the last checkpoint."""
    saved = storage.checkpoints(folder / "checkpoints")
    return int(saved[-1].name[5:13]) if saved else 0


def _target(folder: Path) -> list[str]:
    return ["--resume" if (folder / "config.json").exists() else "--out", str(folder)]


def _found(folder: Path) -> str:
    """What a kill left."""
    half = list((folder / "checkpoints").glob(f"{storage.TEMPORARY}*"))
    return f"at step {last_step(folder)}{', a checkpoint half written' if half else ''}"


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Places at which two states are not the same bits."""
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        for key in one:
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{place}/{number}")
    elif np.asarray(one).tobytes() != np.asarray(other).tobytes():
        yield place


def compare(whole: Path, killed: Path) -> list[str]:
    """Where the last checkpoints of two runs differ."""
    first, second = (load_checkpoint(run / "checkpoints") for run in (whole, killed))
    return [d for part in PARTS for d in differences(first[part], second[part], part)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--every-steps", type=int, default=2)
    chosen = parser.parse_args(arguments)
    training = [chosen.model, "--data", chosen.data, "--epochs", str(chosen.epochs)]
    run = command(training, chosen.every_steps)
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place) / "whole", Path(place) / "killed"
        pace = run_whole(run, whole)
        steps = last_step(whole)
        alive = run_killed(run, killed, chosen.kills, steps, pace, chosen.seed)
        found = compare(whole, killed)
    print(
        f"{alive} of {chosen.kills} kills met the run alive; {len(found)} differences", *found[:5]
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
