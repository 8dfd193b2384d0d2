"""Elementary functions, vectorised: every scalar function in operations that machines have."""

from lamina.compiler.elementary.expansion import RULES, expand
from lamina.compiler.elementary.term import Bindings

__all__ = ["RULES", "Bindings", "expand"]
