"""Runs cases on a side and reports, by id, where it disagrees with a reference."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from tests.torch_reference.answer import Answer, differences, digests, disagreements
from tests.torch_reference.case import Case
from tests.torch_reference.side import Side, solve
from tests.torch_reference.storage import Recorded, load


@cache
def recorded() -> Recorded:
    """The recorded digests, read once."""
    return load()[1]


def pytorch() -> Side:
    """PyTorch itself, imported on demand: it is a large download that not everybody has."""
    from tests.torch_reference.torch_side import TorchSide

    return TorchSide()


def answer(case: Case, side: Side) -> Answer:
    """The side's answer in its own quiet context."""
    with side.quiet():
        return solve(case, side)


def against_recorded(cases: Iterable[Case], side: Side, recorded: Recorded) -> list[str]:
    """Failures of the side against the recorded digests."""

    def problems(case: Case) -> Iterable[str]:
        return disagreements(recorded[case.id], digests(answer(case, side)))

    return list(_failures(cases, problems))


def against_live(cases: Iterable[Case], side: Side, reference: Side) -> list[str]:
    """Failures of the side against the reference, element by element."""

    def problems(case: Case) -> Iterable[str]:
        return differences(answer(case, reference), answer(case, side))

    return list(_failures(cases, problems))


def _failures(cases: Iterable[Case], problems: Callable[[Case], Iterable[str]]) -> Iterator[str]:
    for case in cases:
        try:
            for problem in problems(case):
                yield f"{case.id}: {problem}"
        except Exception as error:  # one broken case must not hide the others
            yield f"{case.id}: {type(error).__name__}: {error}"
