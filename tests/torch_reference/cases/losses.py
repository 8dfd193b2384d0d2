"""Losses with their reductions."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.cases.grid import combinations, without_defaults
from tests.torch_reference.data import Input

REDUCTIONS = ["mean", "sum", "none"]
SHAPES: list[Shape] = [(), (4,), (3, 2), (1, 1), (2, 3, 2), (0, 3)]
LOGITS: list[Shape] = [(4, 3), (3,), (2, 3, 4), (2, 3, 2, 2), (1, 1), (0, 3), (5, 2)]
SINGLE: list[Shape] = [(3,), (1, 1)]
"""Logits with one label, which must not be the ignored one: that mean is 0/0."""


def cases() -> Iterator[FunctionCase]:
    """All loss cases."""
    for reduction in REDUCTIONS:
        yield from _regression(reduction)
        yield from _binary(reduction)
        yield from _divergence(reduction)
        yield from _margins(reduction)
        yield from _likelihood(reduction)
    yield from _entropy_of_labels()
    yield from _entropy_of_probabilities()
    yield _loss("kl_div", (Input((3, 4)), _probable((3, 4))), "batchmean")
    yield _loss("kl_div", (Input((3, 4)), Input((3, 4))), "batchmean", log_target=True)


def _loss(name: str, inputs: tuple[Input, ...], reduction: str, **keywords: Any) -> FunctionCase:
    named = without_defaults({"reduction": reduction, **keywords}, reduction="mean")
    return FunctionCase("losses", name, inputs, kwargs=options(**named))


def _probable(shape: Shape, **options: Any) -> Input:
    return Input(shape, low=0.05, high=0.95, **options)


def labels_shape(shape: Shape) -> Shape:
    """The labels' shape of logits of this shape: the class axis is the second, or the only one."""
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


def _labels(shape: Shape) -> Input:
    classes = shape[1] if len(shape) > 1 else shape[0]
    return Input(labels_shape(shape), "integers", 0, classes)


def _regression(reduction: str) -> Iterator[FunctionCase]:
    for shape in SHAPES:
        pair = Input(shape), Input(shape)
        yield _loss("mse_loss", pair, reduction)
        yield _loss("l1_loss", pair, reduction)
        for beta in (1.0, 0.3, 0.0):
            yield _loss("smooth_l1_loss", pair, reduction, beta=beta)
        for delta in (1.0, 0.4):
            yield _loss("huber_loss", pair, reduction, delta=delta)
    kinks = Input((4, 4), "lattice", -1, 1), Input((4, 4), "lattice", -1, 1)
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        yield _loss(name, kinks, reduction)


def _binary(reduction: str) -> Iterator[FunctionCase]:
    for shape in SHAPES:
        target = _probable(shape)
        weight = Input(shape, low=0.2, high=2.0, keyword="weight", differentiable=False)
        prediction = _probable(shape)
        yield _loss("binary_cross_entropy", (prediction, target), reduction)
        yield _loss("binary_cross_entropy", (prediction, target, weight), reduction)
        for logits in (Input(shape), Input(shape, low=-200.0, high=200.0)):
            name = "binary_cross_entropy_with_logits"
            yield _loss(name, (logits, target), reduction)
            yield _loss(name, (logits, target, weight), reduction)
            size = shape[-1:] or (1,)
            positive = Input(size, low=0.5, high=3.0, keyword="pos_weight", differentiable=False)
            if shape:
                yield _loss(name, (logits, target, positive), reduction)
    hard = Input((3, 2), "values", values=(0, 1, 0, 1, 1, 0), differentiable=False)
    sure = Input((3, 2), "values", values=(0, 1, 0.5, 0, 1, 1))
    certain = _loss("binary_cross_entropy", (sure, hard), reduction)
    yield replace(certain, derivatives="none")


def _divergence(reduction: str) -> Iterator[FunctionCase]:
    for shape in [(4,), (3, 4), (2, 3, 2), (0, 3)]:
        yield _loss("kl_div", (Input(shape), Input(shape, "probabilities")), reduction)
        yield _loss("kl_div", (Input(shape), Input(shape)), reduction, log_target=True)
    certain = Input((3,), "values", values=(0, 1, 0), differentiable=False)
    yield _loss("kl_div", (Input((3,)), certain), reduction)


def _margins(reduction: str) -> Iterator[FunctionCase]:
    for shape in [(4,), (3, 4), (1, 1), (0,)]:
        signs = Input(shape, "signs", differentiable=False)
        yield _loss("hinge_embedding_loss", (Input(shape), signs), reduction)
        yield _loss("hinge_embedding_loss", (Input(shape), signs), reduction, margin=0.4)
        yield _loss("soft_margin_loss", (Input(shape), signs), reduction)
        pair = Input(shape), Input(shape), signs
        yield _loss("margin_ranking_loss", pair, reduction)
        yield _loss("margin_ranking_loss", pair, reduction, margin=0.4)
    for shape in [(4, 3), (3,)]:
        for margin in (0.0, 0.3):
            signs = Input(shape[:-1], "signs", differentiable=False)
            vectors = Input(shape), Input(shape), signs
            yield _loss("cosine_embedding_loss", vectors, reduction, margin=margin)
    for shape in [(4, 3), (3,), (1, 2)]:
        logits = Input(shape)
        for p, margin in [(1, 1.0), (2, 1.0), (1, 0.3)]:
            inputs = (logits, _labels(shape))
            yield _loss("multi_margin_loss", inputs, reduction, p=p, margin=margin)
        size = (shape[1] if len(shape) > 1 else shape[0],)
        weight = Input(size, low=0.2, high=2.0, keyword="weight", differentiable=False)
        yield _loss("multi_margin_loss", (*inputs, weight), reduction)


def _likelihood(reduction: str) -> Iterator[FunctionCase]:
    for shape in LOGITS:
        weight = _class_weight(shape)
        inputs = Input(shape, high=0.0), _labels(shape)
        yield _loss("nll_loss", inputs, reduction)
        yield _loss("nll_loss", (*inputs, weight), reduction)
        if shape not in SINGLE:
            yield _loss("nll_loss", inputs, reduction, ignore_index=0)
            yield _loss("nll_loss", (*inputs, weight), reduction, ignore_index=1)


def _class_weight(shape: Shape) -> Input:
    size = (shape[1] if len(shape) > 1 else shape[0],)
    return Input(size, low=0.2, high=2.0, keyword="weight", differentiable=False)


def _entropy_of_labels() -> Iterator[FunctionCase]:
    for choice in combinations(
        reduction=REDUCTIONS,
        shape=LOGITS,
        weighted=[False, True],
        label_smoothing=[0.0, 0.1],
        ignore_index=[-100, 0],
    ):
        shape = choice["shape"]
        if shape in SINGLE and choice["ignore_index"] == 0:
            continue
        weight = (_class_weight(shape),) if choice["weighted"] else ()
        rest = {key: choice[key] for key in ("label_smoothing", "ignore_index")}
        rest = without_defaults(rest, label_smoothing=0.0, ignore_index=-100)
        inputs = (Input(shape), _labels(shape), *weight)
        yield _loss("cross_entropy", inputs, choice["reduction"], **rest)
    masked = Input((4,), "indices", values=(0, -100, 2, -100))
    ignored = Input((2,), "indices", values=(-100, -100))
    huge = Input((4, 3), low=-900.0, high=900.0)
    for reduction in REDUCTIONS:
        yield _loss("cross_entropy", (Input((4, 3)), masked), reduction)
        yield _loss("cross_entropy", (huge, masked), reduction)
        yield _loss("nll_loss", (Input((4, 3)), masked), reduction)
        for name in ("cross_entropy", "nll_loss"):
            nothing = _loss(name, (Input((2, 3)), ignored), reduction)
            yield replace(nothing, derivatives="none")


def _entropy_of_probabilities() -> Iterator[FunctionCase]:
    for choice in combinations(
        reduction=REDUCTIONS, shape=LOGITS, weighted=[False, True], label_smoothing=[0.0, 0.2]
    ):
        shape = choice["shape"]
        weight = (_class_weight(shape),) if choice["weighted"] else ()
        inputs = (Input(shape), Input(shape, "probabilities"), *weight)
        rest = without_defaults({"label_smoothing": choice["label_smoothing"]}, label_smoothing=0.0)
        case = _loss("cross_entropy", inputs, choice["reduction"], **rest)
        # The mean of nothing is NaN, but PyTorch gives it the tangent 0.
        undefined = shape[0] == 0 and choice["reduction"] == "mean"
        yield replace(case, derivatives="reverse") if undefined else case
