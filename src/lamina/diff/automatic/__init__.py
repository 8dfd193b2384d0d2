"""Forward and reverse mode."""

from lamina.diff.automatic.chain import (
    Chain,
    Checkpointing,
    CheckpointReport,
    chained,
    checkpointing,
)
from lamina.diff.automatic.checkpoint import checkpoint
from lamina.diff.automatic.choice import Auto, Choice, choose
from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.engines import Forward, Pointwise, Reverse

__all__ = [
    "Auto",
    "Chain",
    "CheckpointReport",
    "Checkpointing",
    "Choice",
    "Cost",
    "Forward",
    "Pointwise",
    "Reverse",
    "chained",
    "checkpoint",
    "checkpointing",
    "choose",
]
