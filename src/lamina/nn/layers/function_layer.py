"""`FunctionLayer`: a layer without learned state is a function and its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, dataclass_transform

from lamina.nn.module import Module
from lamina.tensors import as_tensor

__all__ = [
    "FunctionLayer",
]


def buffer(*, default: None = None) -> Any:
    """Declare a setting that is a tensor: it is registered as a buffer (class weights, say)."""
    return field(default_factory=lambda: default, metadata={"buffer": True})


@dataclass_transform(eq_default=False, field_specifiers=(field, buffer))
class FunctionLayer(Module):
    """A module that calls one of `lamina.functions` with its settings as keyword arguments.

    A subclass names the function and declares the settings in the order of the constructor's
    arguments, under the function's names for them; `Module` machinery, constructor and `repr`
    follow. With ``training=True`` the function is also told whether the module is training.
    ``inplace`` may be declared for PyTorch's sake and is ignored: values never change in place.

    >>> from lamina import functions, nn, tensor
    >>> class LeakyReLU(FunctionLayer, function=functions.leaky_relu):
    ...     negative_slope: float = 0.01
    >>> LeakyReLU(0.5), LeakyReLU(0.5)(tensor([-2.0, 2.0])).tolist()
    (LeakyReLU(negative_slope=0.5), [-1.0, 2.0])
    """

    _connects = False
    _function: ClassVar[Callable[..., Any]]
    _knows_training: ClassVar[bool] = False
    _settings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls, function: Callable[..., Any] | None = None, training: bool = False
    ) -> None:
        super().__init_subclass__()
        dataclass(eq=False, repr=False)(cls)
        cls._settings = tuple(f.name for f in fields(cls) if f.name != "inplace")  # type: ignore[arg-type]
        if function is not None:
            cls._function = staticmethod(function)
            cls._knows_training = training

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # The generated constructor sets attributes, for which the registries must be there.
        made = super().__new__(cls)
        Module.__init__(made)
        return made

    def __post_init__(self) -> None:
        for setting in fields(self):  # type: ignore[arg-type]
            if setting.metadata.get("buffer"):
                value = getattr(self, setting.name)
                tensor = None if value is None else as_tensor(value)
                self.register_buffer(setting.name, tensor)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        settings = {name: getattr(self, name) for name in self._settings}
        if self._knows_training:
            settings["training"] = self.training
        return type(self)._function(*inputs, **named, **settings)

    def extra_repr(self) -> str:
        shown = {n: getattr(self, n) for n in self._settings if n not in self._buffers}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())
