"""Learning-rate schedules: pure records, and PyTorch's schedulers on top of them.

A record (`StepDecay`, `LinearRamp`, …) maps a step to a factor of the rate. A scheduler (`StepLR`,
`LinearLR`, …) holds a position and sets an optimiser's rates at every ``step()``.
"""

from lamina.optim.lr_scheduler.base import LRScheduler, ScheduledLR
from lamina.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from lamina.optim.lr_scheduler.factors import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from lamina.optim.lr_scheduler.one_cycle import OneCycle, OneCycleLR
from lamina.optim.lr_scheduler.plateau import Plateau, PlateauState, ReduceLROnPlateau
from lamina.optim.lr_scheduler.schedules import (
    ConstantFactor,
    CosineDecay,
    CosineRestarts,
    Custom,
    ExponentialDecay,
    LinearRamp,
    MultiStepDecay,
    PolynomialDecay,
    Schedule,
    StepDecay,
)

__all__ = [
    "LRScheduler",
    "ScheduledLR",
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "ConstantLR",
    "LinearLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "OneCycleLR",
    "LambdaLR",
    "MultiplicativeLR",
    "SequentialLR",
    "ChainedScheduler",
    "ReduceLROnPlateau",
    "Schedule",
    "StepDecay",
    "MultiStepDecay",
    "ExponentialDecay",
    "ConstantFactor",
    "LinearRamp",
    "PolynomialDecay",
    "CosineDecay",
    "CosineRestarts",
    "OneCycle",
    "Custom",
    "Plateau",
    "PlateauState",
]
