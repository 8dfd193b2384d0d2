"""Functions of tensors under PyTorch's names (`import lamina.functions as F`).

Every module lists its public functions in ``__all__``; they are all found here.
"""

from __future__ import annotations

from lamina.functions import (
    activations,
    adaptive_pooling,
    classification,
    convolution,
    distance,
    dropouts,
    interpolation,
    linear_maps,
    lookup,
    lp_pooling,
    margins,
    normalisation,
    padding,
    parametric,
    pooling,
    regression,
    soft_maxima,
    transposed,
    unfolding,
)
from lamina.functions.activations import *  # noqa: F403
from lamina.functions.adaptive_pooling import *  # noqa: F403
from lamina.functions.classification import *  # noqa: F403
from lamina.functions.convolution import *  # noqa: F403
from lamina.functions.distance import *  # noqa: F403
from lamina.functions.dropouts import *  # noqa: F403
from lamina.functions.interpolation import *  # noqa: F403
from lamina.functions.linear_maps import *  # noqa: F403
from lamina.functions.lookup import *  # noqa: F403
from lamina.functions.lp_pooling import *  # noqa: F403
from lamina.functions.margins import *  # noqa: F403
from lamina.functions.normalisation import *  # noqa: F403
from lamina.functions.padding import *  # noqa: F403
from lamina.functions.parametric import *  # noqa: F403
from lamina.functions.pooling import *  # noqa: F403
from lamina.functions.regression import *  # noqa: F403
from lamina.functions.soft_maxima import *  # noqa: F403
from lamina.functions.transposed import *  # noqa: F403
from lamina.functions.unfolding import *  # noqa: F403
from lamina.tensors import einsum, logsumexp, matmul

__all__ = ["einsum", "logsumexp", "matmul"]
__all__ += activations.__all__
__all__ += adaptive_pooling.__all__
__all__ += classification.__all__
__all__ += convolution.__all__
__all__ += distance.__all__
__all__ += dropouts.__all__
__all__ += interpolation.__all__
__all__ += linear_maps.__all__
__all__ += lookup.__all__
__all__ += lp_pooling.__all__
__all__ += margins.__all__
__all__ += normalisation.__all__
__all__ += padding.__all__
__all__ += parametric.__all__
__all__ += pooling.__all__
__all__ += regression.__all__
__all__ += soft_maxima.__all__
__all__ += transposed.__all__
__all__ += unfolding.__all__
