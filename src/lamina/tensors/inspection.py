"""Reading every intermediate value and gradient by name, without hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lamina.core.context import Frame, Recorder, record
from lamina.core.node import Node
from lamina.tensors.handle import Tensor


class Intermediates(Mapping[str, Tensor]):
    """Every value made inside a `retain_grad` block, by name, with its gradient.

    A module's name gives its output (``conv1``); other values are named by the module or
    function they were made in and their operation, or by `Tensor.named` (``conv1.z``); a
    repeated name counts on (``relu``, ``relu#2``).
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def _nodes(self) -> dict[str, Node]:
        modules: dict[str, Node] = {}
        others: dict[str, Node] = {}
        counts: Counter[str] = Counter()
        for node in self._recorder.nodes:
            if node.frame is not None and node.frame.kind == "derivative":
                continue
            for frame in _frames(node.frame):
                if frame.kind == "module" and frame.path:
                    modules[frame.path] = node
            name = _name(node)
            counts[name] += 1
            others[name if counts[name] == 1 else f"{name}#{counts[name]}"] = node
        return others | modules

    def __getitem__(self, name: str) -> Tensor:
        nodes = self._nodes()
        if name not in nodes:
            from difflib import get_close_matches  # only here: `import lamina` must be quick

            near = get_close_matches(name, nodes, 5, cutoff=0.0)
            raise KeyError(f"{name!r} is no name of a value; the nearest are {', '.join(near)}")
        node = nodes[name]
        tensor = Tensor(node)
        gradient = self._recorder.cotangents.get(id(node))
        tensor._grad = None if gradient is None else Tensor(gradient)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes())

    def __len__(self) -> int:
        return len(self._nodes())

    def __repr__(self) -> str:
        rows = (f"  {name}: {node.type}" for name, node in self._nodes().items())
        return "\n".join((f"{len(self)} intermediates:", *rows))


@contextmanager
def retain_grad() -> Iterator[Intermediates]:
    """Keep every intermediate made inside, and its gradient once ``backward`` ran inside.

    >>> import lamina
    >>> w = lamina.tensor([1.0, -2.0], requires_grad=True)
    >>> with lamina.retain_grad() as seen:
    ...     z = (w * 3).named("z")
    ...     lamina.relu(z).sum().backward()
    >>> seen["z"], seen["z"].grad
    (tensor([ 3., -6.]), tensor([1., 0.]))
    """
    with record() as recorder:
        yield Intermediates(recorder)


def _frames(frame: Frame | None) -> Iterator[Frame]:
    while frame is not None:
        yield frame
        frame = frame.parent


def _name(node: Node) -> str:
    own = node.name or node.operation.name
    path = node.frame.path if node.frame is not None else ""
    return f"{path}.{own}" if path else own
