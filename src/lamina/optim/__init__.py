"""Optimisers, gradient clipping and learning-rate schedules.

Each optimiser is a pure update rule (`SGDRule`, …) and, on top of it, a class under PyTorch's name
that changes parameters in place (`SGD`, …).
"""

from lamina.nn.utils import (
    clip_by_norm,
    clip_by_value,
    clip_grad_norm_,
    clip_grad_value_,
    get_total_norm,
)
from lamina.optim import lr_scheduler
from lamina.optim.adadelta import Adadelta, AdadeltaRule
from lamina.optim.adagrad import Adagrad, AdagradRule
from lamina.optim.adam import Adam, AdamRule, AdamW
from lamina.optim.functional import apply_updates, init_state
from lamina.optim.optimizer import Optimizer
from lamina.optim.rmsprop import RMSprop, RMSpropRule
from lamina.optim.rule import Rule
from lamina.optim.sgd import SGD, SGDRule

__all__ = [
    "Optimizer",
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Adam",
    "AdamW",
    "Rule",
    "SGDRule",
    "AdagradRule",
    "RMSpropRule",
    "AdadeltaRule",
    "AdamRule",
    "init_state",
    "apply_updates",
    "get_total_norm",
    "clip_by_norm",
    "clip_by_value",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]
