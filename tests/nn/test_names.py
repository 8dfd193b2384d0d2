"""Nodes made by a layer carry its qualified name under the root that was called."""

from collections.abc import Callable, Iterator

import pytest

import lamina
from lamina import nn
from lamina.core.context import Frame, record
from lamina.core.node import Node


def module_path(node: Node) -> str:
    frame: Frame | None = node.frame
    while frame is not None and frame.kind != "module":
        frame = frame.parent
    return "" if frame is None else frame.path


def paths(run: Callable[[], object]) -> set[str]:
    with record() as recorder:
        run()
    return {module_path(node) for node in recorder.nodes}


class Lists(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.ModuleList([nn.Tanh()])])
        self.heads = nn.ModuleDict({"left": nn.Linear(2, 2)})

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.heads["left"](self.blocks[1][0](self.blocks[0](x))) * 2


class Shared(nn.Module):
    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.act = shared

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.act(x)


X = lamina.ones(1, 2)


def test_nested_sequences() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh(), nn.Linear(2, 1)))
    assert paths(lambda: model(X)) == {"0", "1.0", "1.1"}


def test_lists_that_are_not_called_themselves() -> None:
    assert paths(lambda: Lists()(X)) >= {"", "blocks.0", "blocks.1.0", "heads.left"}


def test_a_shared_module_goes_by_the_name_below_its_caller() -> None:
    act = nn.Tanh()
    model = nn.Sequential(Shared(act), Shared(act))
    assert paths(lambda: model(X)) == {"0.act", "1.act"}


def test_a_root_adds_nothing_to_the_names() -> None:
    assert paths(lambda: nn.Linear(2, 2)(X)) >= {""}
    inner = nn.Sequential(nn.Tanh())

    class Outer(nn.Module):
        def forward(self, x: lamina.Tensor) -> lamina.Tensor:
            return inner(x)

    assert paths(lambda: Outer()(X)) == {"0"}


def test_the_name_ends_with_the_call() -> None:
    model = nn.Sequential(nn.Tanh())
    assert paths(lambda: (model(X), lamina.tanh(X))) == {"0", ""}
    assert paths(lambda: (model(X), model(X))) == {"0"}


def test_the_name_ends_with_a_failed_call() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(lamina.core.errors.ShapeError):
        model(X)
    assert paths(lambda: lamina.tanh(X)) == {""}


def test_traced_programs_carry_the_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    program = lamina.trace(model, X)
    assert {module_path(node) for node in program.nodes if node.operands} == {"0", "1"}


def test_backward_reads_intermediates_by_layer_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    with lamina.retain_grad() as kept:
        model(X).sum().backward()
    assert kept["1"].grad.tolist() == [[1.0, 1.0]]
    assert kept["0"].grad.shape == (1, 2)


def test_record_calls_sees_each_call_and_stops() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    with nn.record_calls() as calls:
        out = model(X)
    model(X)
    assert [call.name for call in calls] == ["0", "1", ""]
    assert calls[-1].output is out and calls[0].inputs == (X,)
    assert calls[1].frame is not None and calls[1].frame.path == "1"


@pytest.fixture(autouse=True)
def _fixed_seed() -> Iterator[None]:
    lamina.manual_seed(0)
    yield
