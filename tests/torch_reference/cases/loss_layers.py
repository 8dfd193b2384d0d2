"""Losses as layers."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import LayerCase, Shape, options
from tests.torch_reference.cases.losses import labels_shape
from tests.torch_reference.data import Input

REDUCTIONS = ("mean", "sum", "none")
SHAPES: list[Shape] = [(3, 4), (0, 2), (1, 1)]


def cases() -> Iterator[LayerCase]:
    """All cases of loss layers."""
    for reduction in REDUCTIONS:
        yield from _of_labels(reduction)
        yield from _of_values(reduction)
    logs, target = Input((3, 4)), Input((3, 4), "probabilities")
    keywords = options(reduction="batchmean")
    yield LayerCase("loss layers", "KLDivLoss", (logs, target), keywords)


def _loss(name: str, *inputs: Input, **keywords: Any) -> LayerCase:
    return LayerCase("loss layers", name, inputs, options(**keywords))


def _of_labels(reduction: str) -> Iterator[LayerCase]:
    for shape in [(4, 3), (3,), (2, 3, 2), (0, 3)]:
        labels = Input(labels_shape(shape), "integers", 0, 3)
        keywords: list[dict[str, Any]] = [{}, {"ignore_index": 1}]
        for each in [*keywords, {"label_smoothing": 0.1}]:
            logits = Input(shape)
            yield _loss("CrossEntropyLoss", logits, labels, reduction=reduction, **each)
        for each in keywords:
            yield _loss("NLLLoss", Input(shape), labels, reduction=reduction, **each)
    labels = Input((4,), "integers", 0, 3)
    yield _loss("MultiMarginLoss", Input((4, 3)), labels, reduction=reduction)

    for margin in (0.0, 0.3):
        signs = Input((4,), "signs", differentiable=False)
        pair = Input((4, 3)), Input((4, 3))
        yield _loss("CosineEmbeddingLoss", *pair, signs, reduction=reduction, margin=margin)


def _of_values(reduction: str) -> Iterator[LayerCase]:
    for shape in SHAPES:
        pair = Input(shape), Input(shape)
        probable = Input(shape, low=0.05, high=0.95)
        signs = Input(shape, "signs", differentiable=False)
        for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
            yield _loss(name, *pair, reduction=reduction)
        yield _loss("SmoothL1Loss", *pair, reduction=reduction, beta=0.3)
        yield _loss("HuberLoss", *pair, reduction=reduction, delta=0.3)
        yield _loss("BCELoss", probable, probable, reduction=reduction)
        yield _loss("BCEWithLogitsLoss", Input(shape), probable, reduction=reduction)
        yield _loss("KLDivLoss", Input(shape), probable, reduction=reduction)
        yield _loss("KLDivLoss", *pair, reduction=reduction, log_target=True)
        yield _loss("HingeEmbeddingLoss", Input(shape), signs, reduction=reduction)
        yield _loss("MarginRankingLoss", *pair, signs, reduction=reduction)
        yield _loss("SoftMarginLoss", Input(shape), signs, reduction=reduction)
