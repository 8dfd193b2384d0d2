"""Four ways to differentiate a function: numerical, symbolic, forward mode, reverse mode.

Each can be used alone, and all give the same `Derivative`.
"""

from typing import Any

from lamina.diff import calculus, examples
from lamina.diff.automatic import (
    Auto,
    Chain,
    Checkpointing,
    CheckpointReport,
    Choice,
    Chosen,
    Cost,
    Forward,
    ForwardAgainstReverse,
    Pointwise,
    Reverse,
    Sparse,
    chained,
    checkpoint,
    checkpointing,
    choose,
    forward_against_reverse,
    jacobian,
    jacobian_sparsity,
)
from lamina.diff.checking import (
    GradientCheckError,
    Report,
    check_grads,
    check_module_grads,
)
from lamina.diff.comparison import Comparison, compare
from lamina.diff.interface import Derivative, Engine, Function
from lamina.diff.networks import NetworkFunction, input_function, network_function
from lamina.diff.notation import Formula, tensor_derivatives
from lamina.diff.numerical import Numerical, StepCurve, step_curve
from lamina.diff.static_dynamic import StaticDynamic, static_against_dynamic

__all__ = [
    "Auto",
    "Chain",
    "CheckpointReport",
    "Checkpointing",
    "Choice",
    "Chosen",
    "Comparison",
    "Cost",
    "Derivative",
    "Engine",
    "Formula",
    "Forward",
    "ForwardAgainstReverse",
    "Function",
    "GradientCheckError",
    "NetworkFunction",
    "Numerical",
    "Pointwise",
    "Report",
    "Reverse",
    "Sparse",
    "StaticDynamic",
    "StepCurve",
    "Symbolic",
    "calculus",
    "chained",
    "check_grads",
    "check_module_grads",
    "checkpoint",
    "checkpointing",
    "choose",
    "compare",
    "examples",
    "forward_against_reverse",
    "input_function",
    "jacobian",
    "jacobian_sparsity",
    "network_function",
    "static_against_dynamic",
    "step_curve",
    "tensor_derivatives",
]


def __getattr__(name: str) -> Any:
    """Import what needs SymPy when it is asked for."""
    if name != "Symbolic":
        raise AttributeError(f"module 'lamina.diff' has no attribute {name!r}")
    from lamina.diff.symbolic import Symbolic

    return Symbolic
