"""Numerical differentiation."""

from lamina.diff.numerical.curve import StepCurve, step_curve
from lamina.diff.numerical.engine import Numerical

__all__ = ["Numerical", "StepCurve", "step_curve"]
