"""Habits from PyTorch and NumPy: they work, or the error says what to do instead."""

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import Tensor, nn
from lamina.core.errors import ArgumentError, DTypeError, GradientError

T = lamina.tensor


def test_gradient_descent_by_hand() -> None:
    layer = nn.Linear(2, 1, bias=False)
    before = layer.weight.numpy().copy()
    (layer.weight * layer.weight).sum().backward()
    with lamina.no_grad():
        for parameter in layer.parameters():
            parameter -= 0.25 * parameter.grad
    assert layer.weight.requires_grad
    np.testing.assert_allclose(layer.weight.numpy(), before / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("operator", "expected"), [("+=", 6.0), ("-=", 2.0), ("*=", 8.0), ("/=", 2.0)]
)
def test_every_update_in_place(operator: str, expected: float) -> None:
    w = T(4.0, requires_grad=True)
    names = {"w": w}
    with lamina.no_grad():
        exec(f"w {operator} 2", names)
    assert names["w"] is w
    assert w.item() == expected


def test_an_update_in_place_that_would_lose_history() -> None:
    w = T([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match=r"inside lamina\.no_grad\(\)"):
        w -= 0.1 * w
    assert w.tolist() == [1, 2]


def test_values_are_not_changed_in_place() -> None:
    w = T([1.0, 2.0], requires_grad=True)
    constant = total = T([0.0, 0.0])
    total += w * w
    total.sum().backward()
    assert constant.tolist() == [0, 0]
    assert w.grad is not None
    assert w.grad.tolist() == [2, 4]


@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        F.leaky_relu,
        lambda x: F.softmax(x, 1),
        lambda x: F.linear(x, np.ones((2, 3), np.float32)),
        lambda x: F.mse_loss(input=x, target=2 * x),
        lambda x: F.cross_entropy(x, np.array([0, 2])),
        nn.Linear(3, 2),
        nn.Flatten(),
        nn.MSELoss(),
    ],
)
def test_arrays_stand_for_tensors(function: object) -> None:
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    given = (x, x + 1) if isinstance(function, nn.MSELoss) else (x,)
    assert callable(function)
    found, expected = function(*given), function(*map(T, given))
    assert isinstance(found, Tensor)
    assert found.tolist() == expected.tolist()


def test_own_modules_are_called_with_tensors() -> None:
    class Own(nn.Module):
        def forward(self, input: Tensor, *, scale: Tensor) -> Tensor:
            assert isinstance(scale, Tensor)
            return input.view(input.size(0), -1) * scale

    assert Own()(np.ones((2, 3, 4)), scale=np.ones(12)).shape == (2, 12)


def test_random_shapes_as_a_tuple() -> None:
    assert lamina.randn((2, 3)).shape == lamina.rand([2, 3]).shape == lamina.randn(2, 3).shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lamina.ones(2).to("cuda:0"), "there are no devices"),
        (lambda: nn.Linear(1, 1).to("cpu"), "there are no devices"),
        (lambda: lamina.ones(2).to("bfloat16"), "'bfloat16' is not a dtype; use one of float32"),
        (lambda: Tensor([1.0]), r"make tensors of numbers with lamina\.tensor"),  # type: ignore[arg-type]
        (lambda: T(None), "tensor: expected numbers, got NoneType"),
        (lambda: F.conv2d([[1.0]], lamina.ones(1, 1, 1, 1)), "conv2d: input must be a tensor"),  # type: ignore[arg-type]
        (lambda: lamina.data.moons(100), r"lamina\.random\.key\(seed\) gives, got int64\[\]"),  # type: ignore[arg-type]
    ],
)
def test_wrong_kinds(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(DTypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "place"),
    [("softmax", "functions"), ("Linear", "nn"), ("Adam", "optim"), ("bernoulli", "random")],
)
def test_names_that_pytorch_has_at_the_top(name: str, place: str) -> None:
    with pytest.raises(AttributeError, match=rf"there is lamina\.{place}\.{name}$"):
        getattr(lamina, name)
    with pytest.raises(AttributeError, match="no attribute 'cuda'$"):
        lamina.cuda  # noqa: B018


@pytest.mark.parametrize(
    "call",
    [
        lambda x: lamina.grad((x * x).sum(), x),  # type: ignore[arg-type]
        lambda x: lamina.jacobian(F.relu, x),  # type: ignore[arg-type]
        lambda x: lamina.hessian(F.relu, x),  # type: ignore[arg-type]
    ],
)
def test_derivatives_are_those_of_functions(call: object) -> None:
    assert callable(call)
    with pytest.raises(ArgumentError, match="expected a function and numbers of its arguments"):
        call(T([1.0, 2.0]))


@pytest.mark.parametrize("leave", [float, lambda y: y.item(), np.asarray, lambda y: None])
def test_a_result_that_left_the_graph_has_no_derivative(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(GradientError, match="grad: the function must return tensors"):
        lamina.grad(lambda x: leave((x * x).sum()))(T([1.0, 2.0]))


def test_a_name_that_was_not_seen() -> None:
    with lamina.retain_grad() as seen:
        (T([1.0], requires_grad=True) * 3).named("z").sum().backward()
    with pytest.raises(KeyError, match="the nearest are .*z"):
        seen["zz"]
    assert repr(seen).startswith(f"{len(seen)} intermediates:\n")
    assert "\n  z: float32[1]" in repr(seen)
