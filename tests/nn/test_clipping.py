"""Gradient clipping, pure and in place."""

from math import inf
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, NonFiniteError
from lamina.optim import (
    clip_by_norm,
    clip_by_value,
    clip_grad_norm_,
    clip_grad_value_,
    get_total_norm,
)
from lamina.tensors import Tensor


def double(*values: float) -> Tensor:
    return lamina.tensor(np.array(values))


def with_gradients(*gradients: list[float]) -> list[Tensor]:
    parameters = [lamina.tensor(np.zeros(len(g)), requires_grad=True) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = double(*gradient)
    return parameters


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, inf])
def test_total_norm_is_the_norm_of_all_elements(norm_type: float) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (), (0, 2), (5,))]
    flat = np.concatenate([a.ravel() for a in arrays])
    found = get_total_norm([lamina.tensor(a) for a in arrays], norm_type).item()
    np.testing.assert_allclose(found, np.linalg.norm(flat, norm_type), rtol=1e-13)


def test_total_norm_of_nothing_is_zero() -> None:
    assert get_total_norm([]).item() == 0.0
    assert get_total_norm([lamina.zeros(0)], inf).item() == 0.0


def test_clipping_scales_all_gradients_alike() -> None:
    given = {"w": double(3.0, 0.0), "b": double(4.0)}
    clipped, total = clip_by_norm(given, 1.0)
    assert total.item() == 5.0
    np.testing.assert_allclose(clipped["w"].numpy(), [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clipped["b"].numpy(), [0.8], rtol=1e-6)
    assert given["w"].tolist() == [3.0, 0.0]
    assert get_total_norm(clipped.values()).item() < 1.0


def test_short_gradients_stay_as_they_are() -> None:
    clipped, _ = clip_by_norm([double(3.0), double(4.0)], 5.1)
    assert [g.tolist() for g in clipped] == [[3.0], [4.0]]
    assert clip_by_norm([double(3.0)], inf)[0][0].tolist() == [3.0]
    assert clip_by_norm([double(0.0)], 0.0)[0][0].tolist() == [0.0]


def test_clipping_keeps_dtypes() -> None:
    clipped, _ = clip_by_norm([double(3.0), lamina.tensor([4.0])], 1.0)
    assert [g.dtype.name for g in clipped] == ["float64", "float32"]


def test_values_are_clamped() -> None:
    assert clip_by_value({"w": double(-3.0, 0.25)}, 0.5)["w"].tolist() == [-0.5, 0.25]


def test_in_place_clipping_leaves_out_parameters_without_gradient() -> None:
    parameters = [*with_gradients([3.0], [4.0]), lamina.tensor([1.0], requires_grad=True)]
    held = parameters[0].grad
    assert clip_grad_norm_(parameters, 2.5).item() == 5.0
    gradients = [p.grad.item() for p in parameters[:2] if p.grad is not None]
    np.testing.assert_allclose(gradients, [1.5, 2.0], rtol=1e-6)
    assert parameters[2].grad is None and parameters[0].grad is held
    clip_grad_value_(parameters, 1.75)
    assert parameters[1].grad is not None and parameters[1].grad.item() == 1.75


def test_a_single_parameter_will_do() -> None:
    (parameter,) = with_gradients([-2.0])
    clip_grad_value_(parameter, 1.0)
    assert clip_grad_norm_(parameter, 10.0).item() == 1.0


def test_clipping_traces() -> None:
    def clip(gradients: dict[str, Tensor]) -> Any:
        by_norm, total = clip_by_norm(gradients, 1.0)
        return clip_by_value(by_norm, 0.5), total

    given = {"w": double(3.0), "b": double(4.0)}
    found = lamina.trace(clip, given).evaluate(*[g.numpy() for g in given.values()])
    expected, total = clip(given)
    for value, tensor in zip(found, (*expected.values(), total), strict=True):
        np.testing.assert_array_equal(value, tensor.numpy())


def test_a_norm_that_is_not_finite() -> None:
    parameters = with_gradients([1.0], [float("nan")])
    with pytest.raises(NonFiniteError, match="the norm of order 2 is nan"):
        clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[0].grad is not None and parameters[0].grad.item() == 1.0
    assert np.isnan(clip_grad_norm_(parameters, 1.0).item())
    assert np.isnan(parameters[0].grad.item())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: clip_grad_norm_(p, -1.0), "max_norm must be at least 0, got -1.0"),
        (lambda p: clip_grad_norm_(p, float("nan")), "max_norm must be at least 0, got nan"),
        (lambda p: clip_grad_norm_(p, 1.0, norm_type=0.0), "norm_type must be above 0, got 0.0"),
        (lambda p: clip_grad_value_(p, -1.0), "clip_value must be at least 0, got -1.0"),
    ],
)
def test_arguments_out_of_range(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call(with_gradients([1.0]))
