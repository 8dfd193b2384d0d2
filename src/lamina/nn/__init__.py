"""Networks: modules, layers, losses, initialisers and models, under PyTorch's names.

Every module of layers lists its public classes in ``__all__``; they are all found here.
"""

from __future__ import annotations

from lamina.nn import functional, init, models, utils
from lamina.nn.calling import Call, record_calls
from lamina.nn.containers import ModuleDict, ModuleList, ParameterList, Sequential
from lamina.nn.digit_codes import digit_codes
from lamina.nn.layers import (
    activation,
    arrangement,
    convolution,
    dropout,
    function_layer,
    lenet,
    linear,
    loss,
    normalisation,
    padding,
    pooling,
)
from lamina.nn.layers.activation import *  # noqa: F403
from lamina.nn.layers.arrangement import *  # noqa: F403
from lamina.nn.layers.convolution import *  # noqa: F403
from lamina.nn.layers.dropout import *  # noqa: F403
from lamina.nn.layers.function_layer import *  # noqa: F403
from lamina.nn.layers.lenet import *  # noqa: F403
from lamina.nn.layers.linear import *  # noqa: F403
from lamina.nn.layers.loss import *  # noqa: F403
from lamina.nn.layers.normalisation import *  # noqa: F403
from lamina.nn.layers.padding import *  # noqa: F403
from lamina.nn.layers.pooling import *  # noqa: F403
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.nn.pure_call import functional_call, functional_call_with_buffers
from lamina.nn.summary import Summary

__all__ = [
    "Call",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterList",
    "Sequential",
    "Summary",
    "digit_codes",
    "functional",
    "functional_call",
    "functional_call_with_buffers",
    "init",
    "models",
    "record_calls",
    "utils",
]
__all__ += activation.__all__
__all__ += arrangement.__all__
__all__ += convolution.__all__
__all__ += dropout.__all__
__all__ += function_layer.__all__
__all__ += lenet.__all__
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += normalisation.__all__
__all__ += padding.__all__
__all__ += pooling.__all__
