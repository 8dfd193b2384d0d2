"""Numerical differentiation: difference quotients, their extrapolation, the complex step."""

from lamina.diff.numerical.complex_scalars import NotAnalyticError
from lamina.diff.numerical.curve import StepCurve, step_curve
from lamina.diff.numerical.engine import Numerical

__all__ = ["NotAnalyticError", "Numerical", "StepCurve", "step_curve"]
