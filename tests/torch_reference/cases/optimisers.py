"""Optimisers, parameter groups, resumption and gradient clipping."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.torch_reference.case import OptimiserCase, Options, Shape, options
from tests.torch_reference.cases.grid import combinations, thin, without_defaults

Groups = tuple[tuple[tuple[Shape, ...], Options], ...]
PLAIN: Groups = ((((2, 3), (4,)), ()),)
SCALAR: Groups = ((((), (1, 1), (0, 2)), ()),)
TWO: Groups = ((((2, 3),), ()), (((3,), ()), options(lr=0.3, weight_decay=0.2)))
GRIDS: dict[str, dict[str, list[Any]]] = {
    "SGD": {
        "lr": [0.1, 0.5],
        "momentum": [0.0, 0.9],
        "dampening": [0.0, 0.3],
        "nesterov": [False, True],
        "weight_decay": [0.0, 0.1],
        "maximize": [False, True],
    },
    "Adagrad": {
        "lr": [0.01, 0.3],
        "lr_decay": [0.0, 0.2],
        "weight_decay": [0.0, 0.1],
        "initial_accumulator_value": [0.0, 0.5],
        "eps": [1e-10, 1e-3],
        "maximize": [False, True],
    },
    "RMSprop": {
        "lr": [0.01, 0.1],
        "alpha": [0.99, 0.8],
        "momentum": [0.0, 0.9],
        "centered": [False, True],
        "weight_decay": [0.0, 0.1],
        "eps": [1e-8, 1e-3],
        "maximize": [False, True],
    },
    "Adadelta": {
        "lr": [1.0, 0.3],
        "rho": [0.9, 0.7],
        "weight_decay": [0.0, 0.1],
        "eps": [1e-6, 1e-3],
        "maximize": [False, True],
    },
    "Adam": {
        "lr": [1e-3, 0.1],
        "betas": [(0.9, 0.999), (0.5, 0.8)],
        "amsgrad": [False, True],
        "weight_decay": [0.0, 0.1],
        "eps": [1e-8, 1e-3],
        "maximize": [False, True],
    },
    "AdamW": {
        "lr": [1e-3, 0.1],
        "betas": [(0.9, 0.999), (0.5, 0.8)],
        "amsgrad": [False, True],
        "weight_decay": [1e-2, 0.0, 0.3],
        "eps": [1e-8, 1e-3],
        "maximize": [False, True],
    },
}
CLIPS: list[tuple[str, Options]] = [
    ("clip_grad_norm_", options(max_norm=0.5)),
    ("clip_grad_norm_", options(max_norm=100.0)),
    ("clip_grad_norm_", options(max_norm=1.0, norm_type=1.0)),
    ("clip_grad_norm_", options(max_norm=1.0, norm_type=3.0)),
    ("clip_grad_norm_", options(max_norm=0.7, norm_type=float("inf"))),
    ("clip_grad_value_", options(clip_value=0.3)),
]


def cases() -> Iterator[OptimiserCase]:
    """All optimiser cases."""
    for name, grid in GRIDS.items():
        chosen = thin(name, [each for each in combinations(**grid) if _allowed(each)], 30)
        for keywords in chosen:
            yield _case(name, PLAIN, keywords)
        for keywords in chosen[::5]:
            yield _case(name, TWO, keywords)
            yield _case(name, SCALAR, keywords)
            yield replace(_case(name, PLAIN, keywords), resume=3)
            yield replace(_case(name, PLAIN, keywords), absent=1)
            yield replace(_case(name, PLAIN, keywords), dtype="float32")
        yield replace(_case(name, PLAIN, {"lr": 0.1}), steps=25)
    for clip in CLIPS:
        for groups in (PLAIN, TWO):
            yield replace(_case("SGD", groups, {"lr": 0.1}), clip=clip)
        yield replace(_case("SGD", PLAIN, {"lr": 0.1}), clip=clip, absent=0)


def _allowed(keywords: dict[str, Any]) -> bool:
    """Nesterov's momentum needs a momentum and no dampening."""
    if not keywords.get("nesterov"):
        return True
    return bool(keywords["momentum"] > 0 and keywords["dampening"] == 0)


def _case(name: str, groups: Groups, keywords: dict[str, Any]) -> OptimiserCase:
    defaults = {key: values[0] for key, values in GRIDS[name].items() if key != "lr"}
    named = options(**without_defaults(keywords, **defaults))
    return OptimiserCase("optimisers", name, groups, named)
