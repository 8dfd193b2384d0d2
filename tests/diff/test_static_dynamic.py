"""Static against dynamic graphs."""

from __future__ import annotations

import lamina
import lamina.functions as F
from lamina import diff, nn


def test_a_network_and_its_gradient() -> None:
    lamina.manual_seed(0)
    net, x, y = nn.models.create("lenet"), lamina.randn(4, 1, 32, 32), lamina.tensor([1, 2, 3, 4])

    def step(weights: dict[str, lamina.Tensor], x: lamina.Tensor) -> object:
        loss = lambda w: F.cross_entropy(nn.functional_call(net, w, x), y)  # noqa: E731
        return lamina.value_and_grad(loss)(weights)

    weights = {name: p.detach() for name, p in net.named_parameters()}
    found = diff.static_against_dynamic(step, weights, x, calls=2)
    assert found.difference < 1e-4
    assert found.kernels < found.optimised < found.traced
    text = str(found)
    assert text.splitlines()[0].split() == ["operations", "first", "call", "later", "calls"]
    assert f"{found.kernels} kernels" in text


def test_a_wrong_result_shows() -> None:
    calls = [0.0]

    def f(x: lamina.Tensor) -> lamina.Tensor:
        calls[0] += 1
        return x * calls[0]

    assert diff.static_against_dynamic(f, lamina.ones(3), calls=1).difference > 0.1
