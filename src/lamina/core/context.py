"""The ambient state under which nodes are made: what is recorded, inside which named frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.core.node import Node
    from lamina.core.types import Array


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """A named stretch of a computation: a module's call, a composite function, a derivative.

    Nodes made inside carry it, so that printing, export and the compiler can see a softmax
    or a layer whole. Two calls of one function are two frames (compared by identity).
    """

    kind: str
    name: str
    parent: Frame | None = None

    @property
    def path(self) -> str:
        """Names from the outermost frame to this one, joined by dots."""
        return self.name if self.parent is None else f"{self.parent.path}.{self.name}"


@dataclass(slots=True)
class Recorder:
    """What was made inside a `record` block, and the cotangents that backward passes found."""

    nodes: list[Node] = field(default_factory=list)
    cotangents: dict[int, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that a function requires of a value that is not known yet: ``require`` raises."""

    node: Node
    require: Callable[[Array], None]


@dataclass(frozen=True, slots=True)
class State:
    """What `lamina.core.node.apply` needs to know beside its operands."""

    suppressed: int = 0
    frame: Frame | None = None
    recorder: Recorder | None = None
    checks: list[Check] | None = None

    @property
    def compiling(self) -> bool:
        """Whether what is made now is code to be run again and again with other values."""
        return self.checks is not None


STATE: ContextVar[State] = ContextVar("lamina_state", default=State())


@contextmanager
def _use(state: State) -> Iterator[State]:
    token = STATE.set(state)
    try:
        yield state
    finally:
        STATE.reset(token)


@contextmanager
def frame(kind: str, name: str, parent: Frame | None = None) -> Iterator[Frame]:
    """Make every node inside the block carry the frame ``name`` (under the current one)."""
    state = STATE.get()
    entered = Frame(kind, name, parent or state.frame)
    with _use(replace(state, frame=entered)):
        yield entered


@contextmanager
def suppress(tracks: int) -> Iterator[None]:
    """Do not record, inside the block, dependence on the variables that ``tracks`` names."""
    state = STATE.get()
    with _use(replace(state, suppressed=state.suppressed | tracks)):
        yield


@contextmanager
def release(tracks: int) -> Iterator[None]:
    """Record again what an enclosing `suppress` had switched off."""
    state = STATE.get()
    with _use(replace(state, suppressed=state.suppressed & ~tracks)):
        yield


@contextmanager
def record() -> Iterator[Recorder]:
    """Collect every node made inside the block, and the cotangents of backward passes."""
    recorder = Recorder()
    with _use(replace(STATE.get(), recorder=recorder)):
        yield recorder


@contextmanager
def compiling() -> Iterator[list[Check]]:
    """Mark what is made inside the block as code to be run again and again with other values.

    Yields what functions require of values, which the code does not look at.
    """
    checks: list[Check] = []
    with _use(replace(STATE.get(), checks=checks)):
        yield checks


def require_of(node: Node, require: Callable[[Array], None]) -> None:
    """Check a node's value: now if it is known, else later, if the code is run by who checks."""
    checks = STATE.get().checks
    if node.value is not None:
        require(node.value)
    elif checks is not None:
        checks.append(Check(node, require))
