"""The call of a module: the qualified name its nodes carry, and a record of who was called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.core.context import STATE, Frame, frame
from lamina.tensors.handle import as_operand

if TYPE_CHECKING:
    from lamina.nn.module import Module


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module: its qualified name (empty for the root), what came and what went."""

    name: str
    module: Module
    frame: Frame | None
    inputs: tuple[Any, ...]
    output: Any


@dataclass(frozen=True)
class _Scope:
    """The names of all modules below the root being called, and the module being called now."""

    names: Mapping[int, tuple[str, ...]]
    current: str = ""


_SCOPE: ContextVar[_Scope | None] = ContextVar("lamina_module_scope", default=None)
_CALLS: ContextVar[list[Call] | None] = ContextVar("lamina_module_calls", default=None)


@contextmanager
def record_calls() -> Iterator[list[Call]]:
    """Collect every module call made inside the block, in the order in which they end.

    >>> from lamina import nn, ones
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with record_calls() as calls:
    ...     _ = model(ones((1, 2)))
    >>> [(call.name, call.output.shape) for call in calls]
    [('0', (1, 3)), ('1', (1, 3)), ('', (1, 3))]
    """
    calls: list[Call] = []
    token = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(token)


def call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run ``module.forward`` in a frame that carries its name under the root being called.

    NumPy arrays among the arguments become tensors.
    """
    args, kwargs = tuple(map(as_operand, args)), {k: as_operand(v) for k, v in kwargs.items()}
    with _entered(module) as name:
        output = module.forward(*args, **kwargs)
        calls = _CALLS.get()
        if calls is not None:
            calls.append(Call(name, module, STATE.get().frame, args, output))
    return output


@contextmanager
def _entered(module: Module) -> Iterator[str]:
    scope = _SCOPE.get()
    if scope is None or id(module) not in scope.names:
        scope, relative = _Scope(_names(module)), ""
    else:
        name, relative = _resolve(scope, module)
        scope = _Scope(scope.names, name)
    token = _SCOPE.set(scope)
    try:
        if relative:
            with frame("module", relative):
                yield scope.current
        else:
            yield scope.current
    except Exception as error:
        _note(error, module, scope.current)
        raise
    finally:
        _SCOPE.reset(token)


def _names(root: Module) -> dict[int, tuple[str, ...]]:
    names: dict[int, tuple[str, ...]] = {}
    for name, module in root.named_modules(remove_duplicate=False):
        names[id(module)] = (*names.get(id(module), ()), name)
    return names


def _resolve(scope: _Scope, module: Module) -> tuple[str, str]:
    """Return the module's qualified name, and the part of it below the module being called.

    A module registered in several places goes by the name it has below the current one.
    """
    names = scope.names[id(module)]
    prefix = f"{scope.current}." if scope.current else ""
    for name in names:
        if name.startswith(prefix):
            return name, name.removeprefix(prefix)
    return names[0], names[0].rpartition(".")[2]


def _note(error: Exception, module: Module, name: str) -> None:
    """Add to an error the innermost layer in which it came up."""
    if not getattr(error, "__notes__", None):
        layer = f"layer {name}" if name else "module"
        error.add_note(f"in {layer}: {type(module).__name__}({module.extra_repr()})")
