"""Linear and bilinear maps, each one contraction."""

from __future__ import annotations

from functools import lru_cache

from lamina.core.errors import ShapeError
from lamina.core.types import Shape
from lamina.functions.checks import require_shape, require_tensors
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.tensors import Tensor, apply, composite, promoted

__all__ = ["bilinear", "linear"]


@composite("linear")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of the last axis: ``z[…, o] = Σ_k input[…, k] · weight[o, k] + bias[o]``.

    Shapes: input ``(*, K)``, weight ``(O, K)`` or ``(K,)``, bias ``(O,)`` or ``()``; result
    ``(*, O)`` or ``(*)``. The dtype is the operands' common one. In the textbook's columns this
    is z = W a + b for every row of input. Errors: `ShapeError`.

    >>> import lamina, lamina.functions as F
    >>> x, w = lamina.tensor([[1.0, 2.0]]), lamina.tensor([[3.0, 4.0], [0.0, 1.0]])
    >>> F.linear(x, w, lamina.tensor([0.5, 0.0])).tolist()
    [[11.5, 2.0]]

    Source: Qiu, *Neural Networks and Deep Learning*, §4.3, eq. 4.29.
    """
    require_tensors("linear", input=input, weight=weight)
    if input.ndim == 0 or weight.ndim not in (1, 2) or input.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            f"linear: expected input (*, {weight.shape[-1] if weight.ndim else 'K'}) and "
            f"weight (O, K), got input {input.shape} and weight {weight.shape}"
        )
    require_shape("linear", "bias", bias, weight.shape[:-1])
    x, w = promoted(input, weight)
    z = apply(_linear(x.shape[:-1], w.shape), x, w)
    return z if bias is None else z + bias


@lru_cache(maxsize=1024)
def _linear(lead: Shape, weight: Shape) -> Contraction:
    rows = _rows(lead)
    k = Loop("k", weight[-1])
    outputs = [Loop("o", extent) for extent in weight[:-1]]
    return contraction(
        (*rows, *outputs), ((*lead, weight[-1]), (*rows, k)), (weight, (*outputs, k))
    )


@composite("bilinear")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Bilinear map: ``z[…, o] = Σ_ij input1[…, i] · weight[o, i, j] · input2[…, j] + bias[o]``.

    Shapes: input1 ``(*, I)``, input2 ``(*, J)``, weight ``(O, I, J)``, bias ``(O,)``; result
    ``(*, O)``. The dtype is the operands' common one. Errors: `ShapeError`.

    >>> import lamina, lamina.functions as F
    >>> a, b = lamina.tensor([1.0, 2.0]), lamina.tensor([3.0])
    >>> F.bilinear(a, b, lamina.tensor([[[1.0], [1.0]]])).tolist()
    [9.0]

    Source: Tenenbaum and Freeman 2000, *Separating style and content with bilinear models*, §2.
    """
    require_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    lead = input1.shape[:-1]
    fits = weight.ndim == 3 and input1.shape == (*lead, weight.shape[1])
    if not fits or input2.shape != (*lead, weight.shape[2]):
        raise ShapeError(
            f"bilinear: expected input1 (*, I), input2 (*, J) and weight (O, I, J), got "
            f"{input1.shape}, {input2.shape} and {weight.shape}"
        )
    require_shape("bilinear", "bias", bias, weight.shape[:1])
    x, w, y = promoted(input1, weight, input2)
    z = apply(_bilinear(lead, weight.shape), x, w, y)
    return z if bias is None else z + bias


@lru_cache(maxsize=256)
def _bilinear(lead: Shape, weight: Shape) -> Contraction:
    rows = _rows(lead)
    o, i, j = (Loop(name, extent) for name, extent in zip("oij", weight, strict=True))
    return contraction(
        (*rows, o),
        ((*lead, i.extent), (*rows, i)),
        (weight, (o, i, j)),
        ((*lead, j.extent), (*rows, j)),
    )


def _rows(lead: Shape) -> tuple[Loop, ...]:
    return tuple(Loop("n", extent) for extent in lead)
