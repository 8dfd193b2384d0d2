"""Forward and reverse mode."""

from lamina.diff.automatic.chain import (
    Chain,
    Checkpointing,
    CheckpointReport,
    chained,
    checkpointing,
)
from lamina.diff.automatic.checkpoint import checkpoint
from lamina.diff.automatic.choice import Auto, Choice, Chosen, choose, jacobian
from lamina.diff.automatic.colouring import Sparse
from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.engines import Forward, Pointwise, Reverse
from lamina.diff.automatic.modes import ForwardAgainstReverse, forward_against_reverse
from lamina.diff.automatic.sparsity import jacobian_sparsity

__all__ = [
    "Auto",
    "Chain",
    "CheckpointReport",
    "Checkpointing",
    "Choice",
    "Chosen",
    "Cost",
    "Forward",
    "ForwardAgainstReverse",
    "Pointwise",
    "Reverse",
    "Sparse",
    "chained",
    "checkpoint",
    "checkpointing",
    "choose",
    "forward_against_reverse",
    "jacobian",
    "jacobian_sparsity",
]
