"""Elementary functions, vectorised: every scalar function in operations that machines have.

Greatest errors found with fma, in units of the last place, against higher precision. Of float32,
every number was tried for exp and logistic and every 13th for the other functions of one argument;
the rest is from samples. Special values are NumPy's.

| function                                   | float32 | float64 |
|--------------------------------------------|---------|---------|
| +, -, ·, /, √, floor, ceil, round, 1/x     | 0.5     | 0.5     |
| exp, log                                   | 0.94    | 0.89    |
| expm1, log1p, cosh, atan                   | 1.38    | 1.36    |
| tanh                                       | 1.98    | 1.95    |
| logistic, softplus, sinh, rsqrt            | 1.65    | 1.60    |
| erf, asin, acos                            | 1.10    | 1.07    |
| sin, cos (arguments of every size)         | 0.5     | 0.78    |
| tan                                        | 0.5     | 2.1     |
| power                                      | 0.5     | 0.91    |
| remainder, floor_divide                    | NumPy's | NumPy's |
"""

from lamina.compiler.elementary.expansion import RULES, expand
from lamina.compiler.elementary.term import Bindings

__all__ = ["RULES", "Bindings", "expand"]
