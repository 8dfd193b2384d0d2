"""Derivatives of functions: grad, vjp, jvp, Jacobians, Hessians, nested to any order.

Every differentiation has a level of its own (`lamina.autodiff.levels`): its variables are new
nodes that carry the level's bit, and its results no longer do. Nested derivatives of any mix
of modes therefore never confuse their perturbations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from lamina.autodiff import pullback, pushforward
from lamina.autodiff.levels import Level, over
from lamina.autodiff.rules import zeros_like
from lamina.core.context import release, suppress
from lamina.core.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.core.node import Node, constant
from lamina.core.node import apply as apply_node
from lamina.core.types import is_float
from lamina.ops.structure import Alias
from lamina.tensors.creation import ones_like
from lamina.tensors.handle import Tensor, as_tensor
from lamina.tensors.tree import aligned_leaves, leaves, map_tree, rebuild

Function = Callable[..., Any]


class _Differentiation:
    """One call of a function between fresh variables and results without the level's bit."""

    def __init__(self, name: str, primals: Any) -> None:
        self.level = Level()
        self.name = name
        self.primals = map_tree(self._enter, primals)
        self.variables = [tensor.node for tensor in leaves(self.primals)]

    def _enter(self, leaf: Any) -> Tensor:
        tensor = as_tensor(leaf)
        if not is_float(tensor.dtype):
            raise DTypeError(f"{self.name}: only floats have derivatives, got {tensor.dtype}")
        alias = Node(Alias(), (tensor.node,), tensor.node.type, tensor.node.value)
        alias.tracks = tensor.node.tracks | self.level.bit
        return Tensor(alias)

    def call(self, function: Function, *arguments: Any) -> Any:
        try:
            with release(self.level.bit):
                return function(*arguments)
        finally:
            self.level.close()

    def leave(self, tree: Any) -> Any:
        """Return the results as the caller may use them: without this level."""
        return map_tree(self._leave, tree)

    def _leave(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not leaf.node.tracks & self.level.bit:
            return leaf
        with suppress(over()):
            return Tensor(apply_node(Alias(), leaf.node))

    def pull(self, outputs: list[Tensor], cotangents: list[Tensor]) -> list[Tensor]:
        """Return the variables' cotangents (zeros where nothing depends on one)."""
        with suppress(over()):
            nodes, back = [o.node for o in outputs], [c.node for c in cotangents]
            found = pullback(nodes, back, self.variables, self.level.bit)
            pairs = zip(found, self.variables, strict=True)
            return [Tensor(zeros_like(v) if f is None else f) for f, v in pairs]

    def push(self, outputs: list[Tensor], tangents: list[Tensor]) -> list[Tensor]:
        """Return the outputs' tangents (zeros where one depends on nothing)."""
        with suppress(over()):
            nodes, along = [o.node for o in outputs], [t.node for t in tangents]
            found = pushforward(nodes, self.variables, along, self.level.bit)
            pairs = zip(found, outputs, strict=True)
            return [Tensor(zeros_like(o.node) if f is None else f) for f, o in pairs]


def _check_request(name: str, function: Any, *argnums: Any) -> None:
    """Raise for ``grad(loss, x)`` and ``jacobian(f, x)``, which would return a useless function."""
    if not callable(function) or not all(isinstance(n, int) for n in argnums):
        raise ArgumentError(
            f"{name}: expected a function and numbers of its arguments, got "
            f"{', '.join(type(given).__name__ for given in (function, *argnums))}; call the "
            f"result with the arguments: lamina.{name}(f)(x)"
        )


def _output(name: str, leaf: Any) -> Tensor:
    """Return a result, unless it left the graph: its derivative would silently be zero."""
    if not isinstance(leaf, Tensor):
        raise GradientError(
            f"{name}: the function must return tensors, got {type(leaf).__name__}; compute with "
            "tensors from the arguments on, without float(), .item() or NumPy"
        )
    return leaf


def vjp(function: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return ``f(primals)`` and the map from a cotangent v of it to ``Jᵀ v``.

    Arguments and results may be nested containers of tensors. The map returns a tuple with a
    container for each argument; it can be called any number of times.

    >>> import lamina
    >>> y, pull = lamina.vjp(lambda x: x * x, lamina.tensor([1.0, 2.0]))
    >>> pull(lamina.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    run = _Differentiation("vjp", primals)
    result = run.call(function, *run.primals)
    outputs = [_output("vjp", leaf) for leaf in leaves(result)]

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given = _matching("vjp", "cotangent", cotangent, result, outputs)
        found: tuple[Any, ...] = rebuild(run.primals, run.pull(outputs, given))
        return found

    return run.leave(result), pull


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``f(primals)`` and its derivative ``J u`` along the tangents u.

    >>> import lamina
    >>> x, u = lamina.tensor([1.0, 2.0]), lamina.tensor([1.0, 0.0])
    >>> lamina.jvp(lambda x: x * x, (x,), (u,))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    if isinstance(primals, Tensor):
        raise ArgumentError("jvp: primals must be a sequence of arguments: jvp(f, (x,), (u,))")
    run = _Differentiation("jvp", tuple(primals))
    given = _matching("jvp", "tangent", tuple(tangents), run.primals, leaves(run.primals))
    result = run.call(function, *run.primals)
    outputs = [_output("jvp", leaf) for leaf in leaves(result)]
    return run.leave(result), rebuild(result, run.push(outputs, given))


def _matching(
    name: str, what: str, given: Any, structure: Any, expected: list[Tensor]
) -> list[Tensor]:
    """Return the given (co)tangents as tensors of the expected types, or raise."""
    try:
        found = aligned_leaves(structure, given)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {what}s: {error}") from error
    ready = [as_tensor(g).to(e.dtype) for g, e in zip(found, expected, strict=True)]
    for g, e in zip(ready, expected, strict=True):
        if g.shape != e.shape:
            raise ShapeError(f"{name}: {what} of shape {g.shape}, expected {e.shape}")
    return ready


def value_and_grad(
    function: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Function:
    """Return a function that gives ``f(…)`` and its gradient by the arguments ``argnums``.

    f returns a scalar (with ``has_aux``, a pair of a scalar and anything else, which is handed
    through: ``((value, aux), gradient)``).

    >>> import lamina
    >>> lamina.value_and_grad(lambda w: (w * w).sum())(lamina.tensor([3.0]))
    (tensor(9.), tensor([6.]))
    """
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    _check_request("grad", function, *chosen)

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        _check_argnums("grad", chosen, args)
        run = _Differentiation("grad", tuple(args[n] for n in chosen))
        full = list(args)
        for n, primal in zip(chosen, run.primals, strict=True):
            full[n] = primal
        result = run.call(lambda: function(*full, **kwargs))
        loss = _output("grad", result[0] if has_aux else result)
        _check_scalar(loss)
        found = rebuild(run.primals, run.pull([loss], [ones_like(loss)]))
        return run.leave(result), found[0] if isinstance(argnums, int) else found

    return inside


def _check_argnums(name: str, argnums: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
    count = len(arguments)
    if any(not -count <= n < count for n in argnums) or len({n % count for n in argnums}) != len(
        argnums
    ):
        raise ArgumentError(
            f"{name}: argnums {argnums} must name distinct ones of the {count} positional arguments"
        )


def _check_scalar(loss: Tensor) -> None:
    if loss.numel() != 1:
        raise GradientError(
            f"grad: the function must return a scalar, got shape {loss.shape}; "
            "sum it, or use vjp or jacobian"
        )
    if not is_float(loss.dtype):
        raise GradientError(f"grad: the function must return a float, got {loss.dtype}")


def grad(function: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """Return the gradient of a scalar function, as a function (with ``has_aux``, and aux).

    >>> import lamina
    >>> f = lambda x: x ** 3
    >>> lamina.grad(lamina.grad(f))(lamina.tensor(2.0))
    tensor(12.)
    """
    both = value_and_grad(function, argnums, has_aux)

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return inside


def jacobian(function: Function, argnums: int = 0, mode: str = "auto") -> Function:
    """Return the function that gives ``J[o…, i…] = ∂f_o / ∂x_i`` for a tensor argument.

    ``mode`` is "forward" (a pass an input element), "reverse" (a pass an output element) or
    "auto" (whichever is fewer).

    >>> import lamina
    >>> lamina.jacobian(lambda x: x * x)(lamina.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_request("jacobian", function, argnums)
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(f"jacobian: mode is auto, forward or reverse, got {mode!r}")

    def inside(*args: Any, **kwargs: Any) -> Tensor:
        _check_argnums("jacobian", (argnums,), args)
        run = _Differentiation("jacobian", args[argnums])
        full = [run.primals if n == argnums % len(args) else a for n, a in enumerate(args)]
        output = _output("jacobian", run.call(lambda: function(*full, **kwargs)))
        x = run.primals
        if not isinstance(x, Tensor):
            raise ArgumentError("jacobian: the argument must be one tensor; use vjp for containers")
        forward = mode == "forward" or (mode == "auto" and x.numel() < output.numel())
        return _forward_rows(run, x, output) if forward else _reverse_rows(run, x, output)

    return inside


def _reverse_rows(run: _Differentiation, x: Tensor, output: Tensor) -> Tensor:
    from lamina.tensors.shape import stack

    rows = [run.pull([output], [unit])[0] for unit in _units(output)]
    empty = Tensor(constant(np.zeros((*output.shape, *x.shape), output.dtype)))
    return stack(rows).reshape(*output.shape, *x.shape) if rows else empty


def _forward_rows(run: _Differentiation, x: Tensor, output: Tensor) -> Tensor:
    from lamina.tensors.shape import permute, stack

    columns = [run.push([output], [unit])[0] for unit in _units(x)]
    if not columns:
        return Tensor(constant(np.zeros((*output.shape, *x.shape), output.dtype)))
    whole = stack(columns).reshape(*x.shape, *output.shape)
    order = [*range(x.ndim, whole.ndim), *range(x.ndim)]
    return permute(whole, order)


def _units(like: Tensor) -> list[Tensor]:
    """Return the unit vectors of a tensor's space."""
    identity = np.eye(like.numel(), dtype=like.dtype)
    return [Tensor(constant(unit.reshape(like.shape))) for unit in identity]


def hessian(function: Function, argnums: int = 0) -> Function:
    """Return the function that gives the matrix of second derivatives of a scalar function.

    >>> import lamina
    >>> lamina.hessian(lambda x: (x ** 3).sum())(lamina.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacobian(grad(function, argnums), argnums, mode="forward")


def hvp(function: Function, primals: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """Return the Hessian of a scalar function times vectors, by forward over reverse mode.

    >>> import lamina
    >>> x, v = lamina.tensor([1.0, 2.0]), lamina.tensor([1.0, 1.0])
    >>> lamina.hvp(lambda x: (x ** 3).sum(), (x,), (v,))
    (tensor([ 6., 12.]),)
    """
    every = tuple(range(len(primals)))
    return jvp(grad(function, every), primals, vectors)[1]
