"""Traces of both LeNets against PyTorch's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import insight
from lamina.nn import LENET5_C3, models
from tests.insight.networks import numbers

torch = pytest.importorskip("torch")
LABELS = np.array([3, 8])


def images() -> Any:
    return numbers(2, 1, 32, 32)


def tensors(model: Any) -> dict[str, Any]:
    return {
        name: torch.tensor(np.array(p.value), requires_grad=True)
        for name, p in model.named_parameters()
    }


def check(trace: Any, parameters: dict[str, Any], values: dict[str, Any]) -> None:
    """Compare z and δ by layer, and the derivatives by parameters."""
    for name, z in values.items():
        layer = trace[name]
        columns = (lambda v: v.T) if z.ndim == 2 else (lambda v: v)
        np.testing.assert_allclose(layer.z, columns(z.detach().numpy()), atol=1e-10)
        np.testing.assert_allclose(layer.delta, columns(z.grad.numpy()), atol=1e-10)
    for name, parameter in parameters.items():
        layer, _, role = name.partition(".")
        found = trace[layer].dW if role == "weight" else trace[layer].db
        np.testing.assert_allclose(found, parameter.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_lenet(pooling: str) -> None:
    model = models.create("lenet", pooling=pooling).double()
    w, f, kept = tensors(model), torch.nn.functional, {}
    pool = f.max_pool2d if pooling == "max" else f.avg_pool2d

    def keep(name: str, z: Any) -> Any:
        z.retain_grad()
        kept[name] = z
        return z

    x = torch.tensor(images())
    for n in (1, 2):
        z = keep(f"conv{n}", f.conv2d(x, w[f"conv{n}.weight"], w[f"conv{n}.bias"]))
        x = keep(f"pool{n}", pool(torch.tanh(z), 2))
    x = x.flatten(1)
    for n in (1, 2, 3):
        z = keep(f"fc{n}", f.linear(x, w[f"fc{n}.weight"], w[f"fc{n}.bias"]))
        x = torch.tanh(z)
    f.cross_entropy(z, torch.tensor(LABELS)).backward()
    trace = insight.trace(model, images(), LABELS, "cross_entropy")
    check(trace, w, kept)
    assert trace.derivation().error < 1e-9


def test_lenet5_of_1998() -> None:
    model = models.create("lenet5").double()
    w, f, kept = tensors(model), torch.nn.functional, {}

    def squash(name: str, z: Any) -> Any:
        z.retain_grad()
        kept[name] = z
        return 1.7159 * torch.tanh(2 / 3 * z)

    def subsample(name: str, x: Any) -> Any:
        weight, bias = (w[f"{name}.{role}"].reshape(-1, 1, 1) for role in ("weight", "bias"))
        return squash(name, weight * 4 * f.avg_pool2d(x, 2) + bias)

    x = squash("c1", f.conv2d(torch.tensor(images()), w["c1.weight"], w["c1.bias"]))
    x = subsample("s2", x)
    first, maps = 0, []
    for number, inputs in enumerate(LENET5_C3):
        kernels = w["c3.weight"][first : first + len(inputs)]
        maps.append(f.conv2d(x[:, list(inputs)], kernels[None])[:, 0] + w["c3.bias"][number])
        first += len(inputs)
    x = subsample("s4", squash("c3", torch.stack(maps, 1)))
    x = squash("c5", f.conv2d(x, w["c5.weight"], w["c5.bias"])).flatten(1)
    x = squash("f6", f.linear(x, w["f6.weight"], w["f6.bias"]))
    codes = torch.tensor(np.array(model.output.codes.value))
    z = -((x[:, None] - codes) ** 2).sum(-1)
    z.retain_grad()
    kept["output"] = z
    f.cross_entropy(z, torch.tensor(LABELS)).backward()
    trace = insight.trace(model, images(), LABELS, "cross_entropy")
    check(trace, w, kept)
    assert trace.derivation().error < 1e-9
