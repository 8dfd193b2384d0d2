"""The page that the benchmark writes, and its command."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lamina.bench import footprint, machine
from lamina.bench.footprint import Footprint
from lamina.bench.machine import MachineDescription
from lamina.bench.report import Report, markdown
from lamina.bench.results import Comparison, Entry
from lamina.cli.app import app

MACHINE = MachineDescription("Abacus 2000", 2, "avx2", "Linux x86_64", "3.12.1", {1: 99.6}, {1: 20})
FOOTPRINTS = (Footprint("lamina", "0.1.0", 0.123, 200 * 2**20),)


def entry(name: str, *milliseconds: float, **other: object) -> Entry:
    times = tuple(value / 1e3 for value in milliseconds)
    return Entry(name, name.capitalize(), times, **other)  # type: ignore[arg-type]


def report() -> Report:
    own = {"compile_seconds": 0.5, "cached_seconds": 0.04, "memory": 100 * 2**20}
    missing = entry("jax", problem="jax is not installed")
    wrong = entry("sklearn", problem="disagrees with Lamina: value 1 is 2, not 3")
    one = (entry("lamina", 2, 1, 9, **own), entry("torch", 3, 3, 3), missing, wrong)
    two = (entry("lamina", 1, 1, 1, **own), entry("torch", 3, 3, 3), missing)
    fast = (entry("lamina", 0.02, **own), entry("torch", 0.01), entry("tf", 0.005), missing)
    comparisons = (
        *(Comparison("mlp", 1, one), Comparison("lenet5", 1, fast)),
        *(Comparison("mlp", 2, two), Comparison("lenet5", 2, fast)),
    )
    return Report(MACHINE, FOOTPRINTS, comparisons)


@pytest.mark.parametrize(
    "expected",
    [
        "| processor | Abacus 2000 |\n",
        "| NumPy's float32 matrix product, GFLOP/s | 100 on 1 thread |\n",
        "## Milliseconds a step, 1 thread\n\n"
        "| workload | Lamina | Torch | Tf | best rival | ratio |\n|---|--:|--:|--:|--:|--:|\n"
        "| mlp | 2.00 | 3.00 |  | Torch | **1.50** |\n"
        "| lenet5 | 0.0200 | 0.0100 | 0.0050 | Tf | **0.25** |\n",
        "## Lamina: 2 threads beside 1\n\n"
        "| workload | 1 thread | 2 threads | speedup |\n|---|--:|--:|--:|\n"
        "| mlp | 2.00 | 1.00 | 2.00 |\n",
        "| mlp | 0.50 / 0.04 | – |  |\n",
        "| mlp | 100 | – |  |\n",
        "| lamina | 0.1.0 | 0.12 | 200 |\n",
        "- Jax: jax is not installed: everywhere\n",
        "- Sklearn: disagrees with Lamina: value 1 is 2, not 3: everywhere\n",
    ],
)
def test_the_page(expected: str) -> None:
    assert expected in markdown(report())


def test_one_number_of_threads_has_no_speedup() -> None:
    page = markdown(Report(MACHINE, FOOTPRINTS, tuple(report().on(1))))
    assert "beside" not in page.partition("## Milliseconds")[2]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "describe", lambda threads: MACHINE)
    monkeypatch.setattr(footprint, "measure", lambda contenders: FOOTPRINTS)
    options = ["--only", "mlp_small", "--threads", "1", "--rivals", "", "--rounds", "1", "--quick"]
    page = tmp_path / "new" / "page.md"
    result = CliRunner().invoke(app, ["bench", *options, "--output", str(page)])
    assert result.exit_code == 0, result.output
    assert "mlp_small" in result.stdout
    assert "| mlp_small |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "mpl"], "unknown workload 'mpl'; did you mean 'mlp'?"),
        (["--rivals", "torch,jaks"], "unknown rival 'jaks'; did you mean 'jax'?"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_wrong_usage(options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["bench", *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_footprint_of_numpy() -> None:
    found = footprint.footprint("numpy")
    assert found.version[0].isdigit() and found.installed_bytes > 10**6
    assert found.import_seconds > 0
