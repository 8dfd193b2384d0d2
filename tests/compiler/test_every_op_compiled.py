"""Every example of every registered operation, compiled: alone, and its derivatives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lamina.core.errors import LaminaError
from lamina.core.node import Example, Operation
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.ops import REGISTRY
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.tensors import Tensor, jvp, trace, vjp
from tests.compiler.running import (
    check_close,
    check_equal,
    check_program,
    in_float32,
    program_of,
    together,
)
from tests.ops import checks

ROUNDED = (Contraction, Pointwise)
"""The kinds whose results may differ by rounding; all others move or count."""


def _examples(kind: type[Operation]) -> Iterator[Example]:
    """Yield the examples, and those of some elements again in float32, where that is taken."""
    for example in kind.examples(np.random.default_rng(1998)):
        yield example
        narrow = Example(example.operation, in_float32(example.operands))
        if checks.floats(example) and example.operands[0].size > 1 and _is_accepted(narrow):
            yield narrow


def _is_accepted(example: Example) -> bool:
    try:
        example.operation.infer(*[Type(a.shape, a.dtype) for a in example.operands])
    except LaminaError:
        return False
    return True


def _groups(kind: type[Operation], examples: list[Example]) -> list[list[Example]]:
    """Return lists of examples whose programs are compiled as one."""
    groups: dict[str, list[Example]] = {}
    for number, example in enumerate(examples):
        alone = kind is not Pointwise
        groups.setdefault(str(number) if alone else example.operation.name, []).append(example)
    return list(groups.values())


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_value(kind: type[Operation]) -> None:
    check = check_close if kind in ROUNDED else check_equal
    for group in _groups(kind, list(_examples(kind))):
        program = together([program_of(*example) for example in group])
        check_program(program, [a for e in group for a in e.operands], check)


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_derivatives(kind: type[Operation]) -> None:
    rng = np.random.default_rng(5)
    for group in _groups(kind, [e for e in _examples(kind) if _has_derivative(e)]):
        made = [_derivatives(example, rng) for example in group]
        program = together([p for p, _ in made])
        arguments = [a for _, given in made for a in given]
        check_program(program, arguments, lambda got, want: check_close(got, want, 20.0))


def _has_derivative(example: Example) -> bool:
    result = example.operation.infer(*checks.types(example))
    return bool(checks.floats(example)) and result.dtype.kind == "f"


def _derivatives(example: Example, rng: np.random.Generator) -> tuple[Program, list[Array]]:
    """Return the program that pushes tangents and pulls a cotangent, and arguments for it."""
    function, primals = checks.as_function(example)
    result = example.operation.infer(*checks.types(example))
    count = len(primals)
    tangents = [np.asarray(rng.normal(size=p.shape), p.dtype) for p in primals]
    cotangent = np.asarray(rng.normal(size=result.shape), result.dtype)

    def both(*given: Tensor) -> tuple[Tensor, list[Tensor]]:
        start, along, back = given[:count], given[count : 2 * count], given[-1]
        _, pushed = jvp(function, list(start), list(along))
        _, pull = vjp(function, *start)
        return pushed, list(pull(back))

    arguments = [*(np.asarray(p) for p in primals), *tangents, cotangent]
    return trace(both, *arguments), arguments


def test_a_wrong_value_is_caught() -> None:
    """The comparison itself fails where it must."""
    example = next(_examples(Contraction))
    program = program_of(*example)
    (right,) = program.evaluate(*example.operands)
    with pytest.raises(AssertionError):
        check_close(right + 1e-3, right)
    with pytest.raises(AssertionError):
        check_equal(right.astype(np.float32), right)
