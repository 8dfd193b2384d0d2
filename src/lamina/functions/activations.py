"""Activation functions without parameters, each one scalar record applied to every element."""

from __future__ import annotations

from typing import Protocol

from lamina.functions.checks import require_float
from lamina.ops import activations, scalars
from lamina.ops.scalar import Scalar
from lamina.tensors import Tensor, pointwise
from lamina.tensors.handle import as_operand

__all__ = [
    "hardsigmoid",
    "hardswish",
    "logsigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softsign",
    "swish",
    "tanh",
    "tanhshrink",
]


class Activation(Protocol):
    """A function of one tensor."""

    __name__: str
    __qualname__: str

    def __call__(self, input: Tensor) -> Tensor:
        """Apply the function to every element."""


_DOCUMENTATION = """{summary}: ``{formula}``, element by element.

    Shape and dtype are those of ``input``. Errors: `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> y = F.{name}(lamina.tensor([-4.0, -1.0, 0.0, 2.0]))
    >>> [round(v, 4) + 0 for v in y.tolist()]
    {example}

    Source: {source}.
    """


def _activation(
    name: str, record: Scalar, summary: str, formula: str, example: list[float], source: str
) -> Activation:
    """Return the function that applies ``record``; ``example`` is f(-4), f(-1), f(0), f(2)."""

    def activation(input: Tensor) -> Tensor:
        input = as_operand(input)
        require_float(name, input=input)
        return pointwise(record, input)

    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = _DOCUMENTATION.format(
        name=name, summary=summary, formula=formula, example=example, source=source
    )
    return activation


_QIU = "Qiu, *Neural Networks and Deep Learning*, §4.1"

sigmoid = _activation(
    "sigmoid",
    scalars.logistic,
    "Logistic function",
    "1 / (1 + exp(-x))",
    [0.018, 0.2689, 0.5, 0.8808],
    f"{_QIU}.1",
)
tanh = _activation(
    "tanh",
    scalars.tanh,
    "Hyperbolic tangent",
    "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
    [-0.9993, -0.7616, 0.0, 0.964],
    f"{_QIU}.1",
)
relu = _activation(
    "relu",
    scalars.relu,
    "Rectifier",
    "max(x, 0)",
    [0.0, 0.0, 0.0, 2.0],
    f"{_QIU}.2; Nair and Hinton 2010",
)
relu6 = _activation(
    "relu6",
    activations.hardtanh(0.0, 6.0),
    "Rectifier with a ceiling",
    "min(max(x, 0), 6)",
    [0.0, 0.0, 0.0, 2.0],
    "Krizhevsky 2010, *Convolutional deep belief networks on CIFAR-10*",
)
selu = _activation(
    "selu",
    activations.elu(activations.SELU_ALPHA, activations.SELU_SCALE),
    "Self-normalising ELU",
    "1.0507 x for x > 0, else 1.0507 · 1.6733 (exp(x) - 1)",
    [-1.7259, -1.1113, 0.0, 2.1014],
    "Klambauer et al. 2017, *Self-normalizing neural networks*, eq. 2",
)
softsign = _activation(
    "softsign",
    activations.softsign,
    "Softsign",
    "x / (1 + |x|)",
    [-0.8, -0.5, 0.0, 0.6667],
    "Glorot and Bengio 2010, §2.2",
)
silu = swish = _activation(
    "silu",
    activations.silu,
    "SiLU or swish",
    "x / (1 + exp(-x))",
    [-0.0719, -0.2689, 0.0, 1.7616],
    f"{_QIU}.3; Ramachandran, Zoph and Le 2017",
)
mish = _activation(
    "mish",
    activations.mish,
    "Mish",
    "x tanh(log(1 + exp(x)))",
    [-0.0726, -0.3034, 0.0, 1.944],
    "Misra 2019, eq. 1",
)
hardsigmoid = _activation(
    "hardsigmoid",
    activations.hardsigmoid,
    "Piecewise linear logistic function",
    "min(max(x / 6 + ½, 0), 1)",
    [0.0, 0.3333, 0.5, 0.8333],
    f"{_QIU}.1; Courbariaux, Bengio and David 2015",
)
hardswish = _activation(
    "hardswish",
    activations.hardswish,
    "Piecewise quadratic swish",
    "x · min(max(x / 6 + ½, 0), 1)",
    [0.0, -0.3333, 0.0, 1.6667],
    "Howard et al. 2019, *Searching for MobileNetV3*, §5.2",
)
tanhshrink = _activation(
    "tanhshrink",
    activations.tanhshrink,
    "What tanh takes away",
    "x - tanh(x)",
    [-3.0007, -0.2384, 0.0, 1.036],
    "Collobert, Kavukcuoglu and Farabet 2011, *Torch7*",
)
logsigmoid = _activation(
    "logsigmoid",
    activations.logsigmoid,
    "Logarithm of the logistic function, without overflow",
    "-log(1 + exp(-x))",
    [-4.0181, -1.3133, -0.6931, -0.1269],
    "Goodfellow, Bengio and Courville, *Deep Learning*, §3.10",
)
