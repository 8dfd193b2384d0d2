"""`lamina.functions` under the name that PyTorch has for it."""

from lamina.functions import *  # noqa: F403
from lamina.functions import __all__ as __all__
