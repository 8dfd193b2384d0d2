"""The passes in their order, each checked."""

from __future__ import annotations

import sys
from collections.abc import Callable

from lamina.compiler.debugging import debugging
from lamina.compiler.passes.compose_views import absorb_views, compose_reads
from lamina.compiler.passes.drop_unit_axes import drop_unit_axes
from lamina.compiler.passes.eliminate_common import eliminate_common
from lamina.compiler.passes.factor_sums import factor_sums
from lamina.compiler.passes.fold_constants import fold_constants
from lamina.compiler.passes.fuse_pointwise import fuse_pointwise
from lamina.compiler.passes.rewriting import count_operations
from lamina.compiler.passes.share_relu import share_relu
from lamina.compiler.passes.simplify import remove_identities, sink_reshapes
from lamina.compiler.passes.split_sums import split_sums
from lamina.core.errors import GraphError
from lamina.core.program import Program
from lamina.core.verify import verify

MAY_ADD = frozenset({"factor_sums", "split_sums"})
"""Passes that may add operations, to save large ones or to share them among threads."""

MOST_ROUNDS = 16
"""More rounds than any program has been seen to need (3 or 4)."""

Pass = Callable[[Program], Program]
Observer = Callable[[str, Program], None]

PASSES: tuple[Pass, ...] = (
    fold_constants,
    remove_identities,
    share_relu,
    drop_unit_axes,
    sink_reshapes,
    compose_reads,
    absorb_views,
    eliminate_common,
    factor_sums,
    fuse_pointwise,
)
"""What `optimise` does, in this order, until nothing changes."""

LAST: tuple[Pass, ...] = (split_sums,)
"""What it does then."""


def optimise(
    program: Program, observe: Observer | None = None, passes: tuple[Pass, ...] = PASSES
) -> Program:
    """Return a program that computes the same with fewer operations.

    The passes are repeated until none changes anything, so optimising the result changes
    nothing. ``observe(name, program)`` is called with the program as it was traced, then
    after each pass that changed it; with ``LAMINA_DEBUG=passes`` each listing goes to stderr.
    What goes in and what comes out is verified; with ``LAMINA_DEBUG=verify``, as in the tests, what
    each pass makes is too.

    Errors: `GraphError` if a pass breaks the program (it names the pass).

    >>> import lamina
    >>> program = lamina.trace(lambda x: (2 * x).T.sum(0), lamina.zeros(3, 4), names=["x"])
    >>> print(optimise(program))
    f(x: float32[3, 4]):
      v1[j] = Σ_{i} x[j,i]  float32[3]
      v2 = v1 · 2           float32[3]
      return v2
    """
    observe = observe or _default_observer()
    verify(program)
    if observe:
        observe("traced", program)
    for _ in range(MOST_ROUNDS):
        before = program
        for transform in passes:
            program = _run(transform, program, observe)
        if program is before:
            break
    for transform in LAST:
        program = _run(transform, program, observe)
    verify(program)
    return program


def _run(transform: Pass, program: Program, observe: Observer | None) -> Program:
    result = transform(program)
    if result is program:
        return program
    if "verify" in debugging():
        check(transform.__name__, program, result)
    if observe:
        observe(transform.__name__, result)
    return result


def check(name: str, before: Program, after: Program) -> None:
    """Raise `GraphError` unless a pass keeps a program's ends and invariants and adds no work."""
    if [id(node) for node in after.inputs] != [id(node) for node in before.inputs]:
        raise GraphError(f"pass {name} changed the inputs of program {before.name}")
    was, now = ([str(node.type) for node in p.outputs] for p in (before, after))
    if was != now:
        raise GraphError(f"pass {name} changed outputs of program {before.name}: {was} to {now}")
    old, new = count_operations(before), count_operations(after)
    if new > old and name not in MAY_ADD:
        raise GraphError(f"pass {name} made program {before.name} longer: {old} to {new} nodes")
    try:
        verify(after)
    except GraphError as error:
        raise GraphError(f"pass {name}: {error}") from error


def _default_observer() -> Observer | None:
    return _print_listing if "passes" in debugging() else None


def _print_listing(name: str, program: Program) -> None:
    print(f"--- {name}\n{program}\n", file=sys.stderr)
