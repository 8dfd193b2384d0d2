"""Losses as layers; each is the function of the same meaning, see there."""

from __future__ import annotations

import lamina.functions as F
from lamina.nn.layers.function_layer import FunctionLayer, buffer
from lamina.tensors import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "HingeEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]


class CrossEntropyLoss(FunctionLayer, function=F.cross_entropy):
    """Cross-entropy between logits (N, C, …) and class indices (N, …) or probabilities."""

    weight: Tensor | None = buffer(default=None)
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


class NLLLoss(FunctionLayer, function=F.nll_loss):
    """The negative of log-probabilities (N, C, …) at class indices (N, …)."""

    weight: Tensor | None = buffer(default=None)
    ignore_index: int = -100
    reduction: str = "mean"


class BCELoss(FunctionLayer, function=F.binary_cross_entropy):
    """Cross-entropy between probabilities and targets in [0, 1]."""

    weight: Tensor | None = buffer(default=None)
    reduction: str = "mean"


class BCEWithLogitsLoss(FunctionLayer, function=F.binary_cross_entropy_with_logits):
    """Cross-entropy between σ(logits) and targets in [0, 1]."""

    weight: Tensor | None = buffer(default=None)
    reduction: str = "mean"
    pos_weight: Tensor | None = buffer(default=None)


class MSELoss(FunctionLayer, function=F.mse_loss):
    """The squared error."""

    reduction: str = "mean"


class L1Loss(FunctionLayer, function=F.l1_loss):
    """The absolute error."""

    reduction: str = "mean"


class SmoothL1Loss(FunctionLayer, function=F.smooth_l1_loss):
    """The absolute error, quadratic below ``beta``."""

    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(FunctionLayer, function=F.huber_loss):
    """The squared error, linear above ``delta``."""

    reduction: str = "mean"
    delta: float = 1.0


class KLDivLoss(FunctionLayer, function=F.kl_div):
    """Kullback-Leibler divergence from log-probabilities to target probabilities."""

    reduction: str = "mean"
    log_target: bool = False


class HingeEmbeddingLoss(FunctionLayer, function=F.hinge_embedding_loss):
    """A distance for targets 1, max(0, margin - distance) for targets -1."""

    margin: float = 1.0
    reduction: str = "mean"


class MultiMarginLoss(FunctionLayer, function=F.multi_margin_loss):
    """Multi-class hinge loss of scores (N, C) and class indices (N)."""

    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = buffer(default=None)
    reduction: str = "mean"


class SoftMarginLoss(FunctionLayer, function=F.soft_margin_loss):
    """log(1 + exp(-target · score)) for targets ±1."""

    reduction: str = "mean"


class MarginRankingLoss(FunctionLayer, function=F.margin_ranking_loss):
    """max(0, -target · (input1 - input2) + margin) for targets ±1."""

    margin: float = 0.0
    reduction: str = "mean"


class HingeLoss(FunctionLayer, function=F.hinge_loss):
    """max(0, margin - target · score) for targets ±1."""

    margin: float = 1.0
    reduction: str = "mean"


class CosineEmbeddingLoss(FunctionLayer, function=F.cosine_embedding_loss):
    """1 - cos for targets 1, max(0, cos - margin) for targets -1."""

    margin: float = 0.0
    reduction: str = "mean"
