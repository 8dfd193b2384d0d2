"""``lamina bench``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.layers import unknown
from lamina.cli.options import completed, output_options
from lamina.cli.output import emit_json, emit_table

if TYPE_CHECKING:
    from lamina.bench.contenders import Contender
    from lamina.bench.report import Report
    from lamina.bench.results import Comparison
    from lamina.bench.workloads import Workload

DEFAULT_OUTPUT = Path("docs/benchmarks.md")


def _workloads() -> list[str]:
    from lamina.bench.workloads import WORKLOADS

    return list(WORKLOADS)


@click.command()
@click.option("--only", multiple=True, metavar="WORKLOAD", help="Measure this alone; repeatable.",
              **completed(_workloads))  # fmt: skip
@click.option("--threads", multiple=True, type=click.IntRange(min=1),
              help="Number of threads; repeatable.  [default: 1 and 2]")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), help="Turns of each.  [default: 7]")
@click.option("--quick", is_flag=True, help="Two short turns of each: a first impression.")
@click.option("--rivals", metavar="A,B,…", help="Names of rivals.  [default: all]")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_OUTPUT,
              show_default=True, help="The Markdown page to write.")  # fmt: skip
@output_options
def bench(
    only: tuple[str, ...], threads: tuple[int, ...], rounds: int | None, quick: bool,
    rivals: str | None, output: Path, as_json: bool,
) -> None:  # fmt: skip
    """Measure Lamina beside other frameworks.

    Those that are not installed are left out: `make bench` installs them.
    """
    from lamina.bench.report import markdown
    from lamina.bench.run import plan, run

    chosen = _chosen_workloads(only), _chosen_contenders(rivals)
    output.parent.mkdir(parents=True, exist_ok=True)

    def keep(report: Report) -> None:
        output.write_text(markdown(report), encoding="utf-8")

    report = run(*chosen, threads or (1, 2), plan(rounds, quick), _say, keep)
    _say(f"written to {output}")
    if as_json:
        from dataclasses import asdict

        emit_json(asdict(report))
    else:
        _print(report)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _chosen_workloads(only: Sequence[str]) -> list[Workload]:
    from lamina.bench.workloads import WORKLOADS

    for name in only:
        if name not in WORKLOADS:
            raise unknown("workload", name, WORKLOADS)
    return [WORKLOADS[name] for name in only or WORKLOADS]


def _chosen_contenders(rivals: str | None) -> list[Contender]:
    """Return Lamina and the rivals of a list of names."""
    from lamina.bench.contenders import LAMINA, RIVALS

    if rivals is None:
        return [LAMINA, *RIVALS]
    known = {rival.name: rival for rival in RIVALS}
    names = [name.strip() for name in rivals.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise unknown("rival", name, known)
    return [LAMINA, *(known[name] for name in names)]


def _print(report: Report) -> None:
    """Print Lamina's times beside the best of the others; the page has all of them."""
    columns = ["workload", "Lamina", "best rival", "", "ratio"]
    for threads in report.threads():
        rows = [_row(comparison) for comparison in report.on(threads)]
        emit_table(columns, rows, f"milliseconds a step, threads: {threads}")


def _row(comparison: Comparison) -> list[str]:
    from lamina.bench.report import FAILED, milliseconds

    own, best, ratio = comparison.own, comparison.best_rival, comparison.ratio
    return [
        comparison.workload,
        milliseconds(own.median) if own else FAILED,
        best.label if best else FAILED,
        milliseconds(best.median) if best else FAILED,
        f"{ratio:.2f}" if ratio else FAILED,
    ]
