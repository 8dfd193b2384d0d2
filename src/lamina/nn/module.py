"""`Module`: a network or a part of one, with its parameters, buffers and submodules by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lamina.core.errors import ArgumentError
from lamina.core.node import constant
from lamina.core.types import as_dtype, is_float
from lamina.nn import calling
from lamina.nn.parameter import Parameter
from lamina.nn.registry import Registry, note_change
from lamina.nn.state import IncompatibleKeys, load, state
from lamina.tensors import Compiled, Tensor

if TYPE_CHECKING:
    from lamina.nn.summary import Summary


class Module:
    """Base of layers and networks: assign parts as attributes in ``__init__``, write ``forward``.

    Attributes that are a `Parameter` or a `Module` are registered under their name; names
    joined by dots (``features.0.weight``) are the keys of `state_dict`, as in PyTorch, and the
    names that graph nodes made in the call carry.

    >>> from lamina import nn, ones
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(2, 3)
    ...         self.output = nn.Linear(3, 1, bias=False)
    ...
    ...     def forward(self, x):
    ...         return self.output(nn.functional.relu(self.hidden(x)))
    >>> net = Net()
    >>> net(ones((5, 2))).shape
    (5, 1)
    >>> list(net.state_dict())
    ['hidden.weight', 'hidden.bias', 'output.weight']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: set[str]
    _connects: ClassVar[bool] = True
    """Whether sums and windows in ``forward`` are connections between units (see `summary`)."""

    def __init__(self) -> None:
        fresh: dict[str, Any] = {
            "training": True,
            "_parameters": Registry(),
            "_buffers": Registry(),
            "_modules": Registry(),
            "_transient": set(),
        }
        self.__dict__.update(fresh)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output (subclasses define it)."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return calling.call(self, args, kwargs)

    def __compiled__(self) -> Compiled:
        """Return what `lamina.compile` makes of a module (see `lamina.nn.compiled`)."""
        from lamina.nn.compiled import CompiledModule

        return CompiledModule(self, [self])

    # Attributes ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise ArgumentError(
                f"{type(self).__name__}: call super().__init__() before setting {name!r}"
            )
        if isinstance(value, Parameter):
            self._register(self._parameters, name, value)
        elif isinstance(value, Module):
            self._register(self._modules, name, value)
        elif name in self._parameters:
            self.register_parameter(name, value)
        elif name in self._modules:
            self.register_module(name, value)
        elif name in self._buffers:
            self._set_buffer(name, value)
        else:
            if name == "training" and value != self.__dict__["training"]:
                note_change()
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            entries = self.__dict__.get(registry, {})
            if name in entries:
                return entries[name]
        message = f"{type(self).__name__} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._transient.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]

    def _register(self, registry: Any, name: str, value: Any) -> None:
        if not name or "." in name:
            raise ArgumentError(
                f"{type(self).__name__}: a name is not empty and has no dot, got {name!r}"
            )
        for other in (self.__dict__, self._parameters, self._buffers, self._modules):
            if other is not registry and name in other:
                del other[name]
        registry[name] = value

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Register a parameter under ``name``; None keeps the name without a parameter."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise ArgumentError(
                f"{type(self).__name__}.{name}: expected a Parameter or None, got "
                f"{type(parameter).__name__}; change its values with .assign(…)"
            )
        self._register(self._parameters, name, parameter)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is not learned; if persistent, it belongs to the state dict."""
        self._register(self._buffers, name, None)
        self._set_buffer(name, tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            kind = type(value).__name__
            raise ArgumentError(
                f"{type(self).__name__}.{name}: a buffer is a Tensor or None, got {kind}"
            )
        self._buffers[name] = value

    def register_module(self, name: str, module: Module | None) -> None:
        """Register a submodule under ``name``."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentError(
                f"{type(self).__name__}.{name}: expected a Module, got {type(module).__name__}"
            )
        self._register(self._modules, name, module)

    add_module = register_module

    # Walking the tree ----------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct submodules with their names."""
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        """Yield the direct submodules."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it with their qualified names, parents first."""
        seen: set[int] = set()
        for name, module in _walk(self, prefix):
            if not (remove_duplicate and id(module) in seen):
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their qualified names, each once."""
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their qualified names, each once."""
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(self, registry: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix) if recurse else iter([(prefix, self)])
        for path, module in modules:
            for name, entry in module.__dict__[registry].items():
                if entry is not None and id(entry) not in seen:
                    seen.add(id(entry))
                    yield joined(path, name), entry

    def get_submodule(self, target: str) -> Module:
        """Return the module of a qualified name, e.g. ``features.0`` (empty: this module)."""
        modules = dict(self.named_modules(remove_duplicate=False))
        if target not in modules:
            known = ", ".join(name for name in modules if name)
            raise ArgumentError(
                f"{type(self).__name__} has no submodule {target!r}; it has: {known}"
            )
        return modules[target]

    # State ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """Return parameters and persistent buffers by qualified name, as they are now."""
        return state(self)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Take values from a mapping of PyTorch's keys to arrays, Tensors or PyTorch tensors.

        Nothing is changed unless everything fits. Errors: `ArgumentError` lists all missing and
        unexpected keys (unless ``strict`` is false) and every shape or dtype that differs.
        """
        return load(self, state_dict, strict)

    def train(self, mode: bool = True) -> Self:
        """Put this module and all below it into training mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put this module and all below it into evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let (or do not let) all parameters be learned."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers to a floating-point dtype, in place."""
        dtype = as_dtype(dtype)
        if not is_float(dtype):
            raise ArgumentError(f"to: modules convert to floating-point dtypes, got {dtype}")
        for tensor in [*self.parameters(), *self.buffers()]:
            if is_float(tensor.dtype):
                learned, tensor.grad = tensor.requires_grad, None
                tensor.node = constant(tensor.value.astype(dtype))
                tensor.requires_grad_(learned)
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Convert to float64."""
        return self.to("float64")

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call ``fn`` on every module below this one and on it, children first."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # Showing -------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the settings that `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        head = type(self).__name__
        children = [f"({name}): {child!r}" for name, child in self.named_children()]
        if not children:
            return f"{head}({self.extra_repr()})"
        lines = [*filter(None, [self.extra_repr()]), *children]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{head}(\n  {body}\n)"

    def count_connections(self, terms: int, units: int) -> int:
        """Return the number of connections into ``units`` outputs that read ``terms`` inputs.

        `summary` asks; by default every unit of a layer with a bias has one connection more.
        """
        if not (terms and self._connects):
            return 0
        return terms + (units if self._parameters.get("bias") is not None else 0)

    def summary(self, *input_shapes: tuple[int, ...], dtype: Any = "float32") -> Summary:
        """Return a table of the layers for inputs of these shapes, without the batch axis.

        Shows output shape, parameters, connections, multiply-adds, memory and receptive field;
        see `lamina.nn.summary`.
        """
        from lamina.nn.summary import summarise

        return summarise(self, input_shapes, dtype)


def joined(prefix: str, name: str) -> str:
    """Return the qualified name of ``name`` below ``prefix``."""
    return f"{prefix}.{name}" if prefix and name else prefix or name


def _walk(module: Module, prefix: str) -> Iterator[tuple[str, Module]]:
    yield prefix, module
    for name, child in module.named_children():
        yield from _walk(child, joined(prefix, name))
