"""Modules as native code: what `lamina.compile` makes of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Type
from lamina.nn import registry
from lamina.nn.module import Module
from lamina.tensors import Compiled, Tensor
from lamina.tensors.compiling import Arguments, belong_to_another, traced
from lamina.tensors.handle import known
from lamina.tensors.quick import Finish, finishing

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding
    from lamina.compiler.executable import Executable
    from lamina.compiler.profiling import Profile

_node = attrgetter("node")


class CompiledModule(Compiled):
    """A function that reads modules' parameters and buffers, as native code.

    They are inputs of the code, bound to it until one of them is assigned or trained: the next call
    takes the new values. Modes (training or evaluation) and requires_grad are part of the
    signature. What else the modules read, such as plain attributes, is a constant of the code.
    Buffers that a call changes (running statistics, in training mode) are changed as dynamically;
    random layers in training mode raise `TraceError`, as a key has to be an argument: train with
    `lamina.train.Trainer`, or call ``eval()``. Results have no history for ``backward``.

    Any number of threads may call it, while nobody changes the modules.

    >>> import lamina
    >>> from lamina import nn
    >>> layer = nn.Linear(2, 1)
    >>> fast, x = lamina.compile(layer), lamina.ones(3, 2)
    >>> layer.weight.assign(lamina.tensor([[1.0, 2.0]])), layer.bias.assign(lamina.tensor([0.5]))
    (tensor([[1., 2.]], requires_grad=True), tensor([0.5], requires_grad=True))
    >>> fast(x).tolist()
    [[3.5], [3.5], [3.5]]
    >>> _ = layer.bias.assign(lamina.tensor([0.0]))
    >>> fast(x).tolist()
    [[3.0], [3.0], [3.0]]
    """

    def __init__(self, function: Callable[..., Any], modules: Sequence[Module]) -> None:
        super().__init__(function)
        self._roots = list(modules)
        self._lock = RLock()
        self._changed: dict[int, list[int]] = {}  # by executable, the handles that a call changes
        self._bindings: dict[int, Binding] = {}
        self.release()

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Return what the function returns for these arguments, with the weights as they are."""
        if self._changes == registry.changes() and list(map(_node, self._handles)) == self._nodes:
            return super().__call__(*arguments, **keywords)
        return self._call(arguments, keywords)

    def profile(self, *arguments: Any, rounds: int = 10, **keywords: Any) -> Profile:
        """Return where the time of a call goes, as for a function."""
        with self._lock:
            self._look_around()
            return super().profile(*arguments, rounds=rounds, **keywords)

    def release(self) -> None:
        """Let go of parameters and buffers, until the next call."""
        self._changes = -1
        self._modules: list[Module] = []
        self._handles: list[Tensor] = []
        self._nodes: list[Node] = []
        self._quick = []
        self._bindings = {}

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        # While one thread traces, the handles refer to values that are not there.
        with self._lock:
            self._look_around()
            if belong_to_another(self._handles):
                return self._function(*arguments, **keywords)
            return super()._call(arguments, keywords)

    def _look_around(self) -> None:
        """Bind anew if a parameter, buffer or module is not what it was."""
        handles = {id(t): t for m in self._roots for t in (*m.parameters(), *m.buffers())}
        nodes = [handle.node for handle in handles.values()]
        if self._changes == registry.changes() and nodes == self._nodes:
            return
        self.release()
        self._changes = registry.changes()
        self._modules = [module for root in self._roots for module in root.modules()]
        self._handles, self._nodes = list(handles.values()), nodes

    def _signature(self, given: Arguments) -> Any:
        modes = tuple(module.training for module in self._modules)
        held = tuple((id(h), h.node.type, h.requires_grad) for h in self._handles)
        return given.signature(), tuple(self._modules), modes, held

    def _get(self, given: Arguments) -> tuple[Executable, Any]:
        with self._lock:
            self._look_around()
            return super()._get(given)

    def _compile(self, given: Arguments) -> tuple[Executable, Any]:
        from lamina.compiler.executable import Executable

        count = len(self._handles)
        own = Arguments((self._handles, given.restored(given.inputs)), {})
        changed: list[int] = []

        def function(handles: list[Tensor], tree: Any) -> Any:
            arguments, keywords = tree
            with self._borrowed(handles):
                result = self._function(*arguments, **keywords)
                now = [Tensor(handle.node) for handle in self._handles]
            changed.extend(n for n in range(count) if now[n].node is not handles[n].node)
            return result, [now[n] for n in changed]

        program, (result, _) = traced(function, own)
        named = Program(program.inputs, program.outputs, type(self._roots[0]).__name__)
        executable = Executable(named, static=range(count))
        self._changed[id(executable)] = changed
        return executable, result

    @contextmanager
    def _borrowed(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        try:
            for handle, tensor in zip(self._handles, tensors, strict=True):
                handle.node = tensor.node
            yield
        finally:
            for handle, node in zip(self._handles, self._nodes, strict=True):
                handle.node = node

    def _bound(self, executable: Executable) -> Binding:
        if id(executable) not in self._bindings:
            values = {n: handle.value for n, handle in enumerate(self._handles)}
            self._bindings[id(executable)] = executable.bind(values)
        return self._bindings[id(executable)]

    def _finishing(self, result: Any, binding: Binding) -> Finish:
        changed = [self._handles[n] for n in self._changed[id(binding.executable)]]
        types: list[Type] = binding.returned
        if not changed:
            return finishing(result, types)
        own = len(types) - len(changed)
        finish = finishing(result, types[:own])

        def finished(values: list[Any]) -> Any:
            for handle, value, type_ in zip(changed, values[own:], types[own:], strict=True):
                handle.assign(known(value, type_))
            return finish(values[:own])

        return finished
