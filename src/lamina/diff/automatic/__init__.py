"""Forward and reverse mode."""

from lamina.diff.automatic.checkpoint import chained, checkpoint
from lamina.diff.automatic.choice import Auto, Choice, choose
from lamina.diff.automatic.engines import Cost, Forward, Pointwise, Reverse

__all__ = [
    "Auto",
    "Choice",
    "Cost",
    "Forward",
    "Pointwise",
    "Reverse",
    "chained",
    "checkpoint",
    "choose",
]
