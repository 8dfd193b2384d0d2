"""The training step as one native call: forward, backward and update, in place.

Weights, buffers and the optimiser's state are bound to the program once and overwritten in every
step; nothing is allocated but what the step returns. Before each step somebody has to see that
nothing else has changed them, or looked at them, since the last one: native code, while all is as
it was (`Ready`), else Python (`Held`, `Hyperparameters`), which knows what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.node import constant
from lamina.core.types import Array
from lamina.nn import Module, registry
from lamina.tensors import Tensor
from lamina.tensors.handle import known
from lamina.train.diagnosis import finite
from lamina.train.held import Held
from lamina.train.hyperparameters import Hyperparameters
from lamina.train.ready import Ready
from lamina.train.step import StepResult, TrainingStep
from lamina.train.traced import BatchChecks, TracedStep, traced_step
from lamina.train.undo import Log, Step

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding
    from lamina.compiler.executable import Executable
    from lamina.compiler.profiling import Profile

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class _Made:
    """Native code of a step, and the places of the optimiser's state that it was made for."""

    executable: Executable
    places: list[tuple[int, list[str]]]
    idle: frozenset[Tensor]
    """Parameters that got no gradient, and so have no state."""
    checks: BatchChecks


class CompiledStep:
    """A `TrainingStep` that runs natively, compiled once for each type of batch.

    Args:
        step: what to compile.
        outputs: whether steps return the model's outputs.
        guarded: whether steps can be checked and undone. That costs a look at the new values, and
            now and then a copy of them.
    """

    def __init__(self, step: TrainingStep, outputs: bool = True, guarded: bool = False) -> None:
        self.step = step
        self._optimiser = step.optimiser
        self._outputs = outputs
        self._guarded = guarded
        self._numbers = Hyperparameters(step.optimiser)
        self._made: dict[Any, _Made] = {}
        self._bound: dict[Any, Binding] = {}
        self._bound_numbers: list[Array] = []
        self._held: Held | None = None
        self._ready = Ready(step.optimiser)
        self._last: Binding | None = None
        self._checks: BatchChecks | None = None
        self._changes = -1
        self._handles: list[Tensor] = []
        self._learned: list[Tensor] = []
        self._modules: list[Module] = []
        self._log: Log | None = None
        self._completed: dict[Tensor, State | None] = {}
        self._result = StepResult(Tensor(constant(np.array(0.0))), None)
        self._sum = 0.0

    def __call__(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Run one step: the weights, buffers and optimiser state change as dynamically."""
        ready, optimiser = self._ready, self._optimiser
        if optimiser.state is ready.state and optimiser.param_groups is ready.groups:
            found: StepResult | None = ready.first(inputs, targets, key)
            if found is None:
                found = ready.second(inputs, targets, key)
            if found is not None:
                return found
        given = (inputs.node.value, targets.node.value, key.node.value)
        if self._last is not None and self._as_before(self._last):
            found = self._run(self._last, given)
            if found is not None:
                return found
        return self._step(inputs, targets, key)

    def profile(self, inputs: Tensor, targets: Tensor, key: Tensor, rounds: int = 10) -> Profile:
        """Run some steps, and return where their time goes: a line for each kernel's call."""
        from lamina.compiler.profiling import profile

        self(inputs, targets, key)
        assert self._last is not None
        return profile(self._last, [t.numpy() for t in (inputs, targets, key)], rounds)

    def _as_before(self, binding: Binding) -> bool:
        """Return whether the last program is bound to everything as it is now."""
        if self._held is None or not self._untouched(self._held):
            return False
        if not self._numbers.unchanged():
            self._ready.forget_numbers()
            return self._numbers.follow()
        if not (self._guarded or self._outputs):
            self._ready.repeat(binding, self._numbers, self._learned)
        return True

    def _untouched(self, held: Held) -> bool:
        ready = self._ready
        if self._optimiser.state is ready.state and ready.look():
            return True
        untouched = self._changes == registry.changes() and held.untouched()
        if untouched:
            ready.watch(held, self._changes)
        return untouched

    def _run(self, binding: Binding, given: Any, quick: bool = True) -> StepResult | None:
        """Run native code; None if the arrays are not as it can take them, and it must be quick."""
        if self._guarded:
            self._copy_now_and_then()
            if self._checks is not None and self._checks.fit(given):  # else code refuses them too
                self._checks(given)
        found = binding.quick(given) if quick else binding(*given)
        if found is None:
            return None
        for handle in self._learned:
            handle._grad = None
        types = binding.returned
        outputs = known(found[1], types[1]) if self._outputs else None
        result = StepResult(known(found[0], types[0]), outputs)
        if self._guarded:
            self._note(binding, given, found, result)
        return result

    # Binding ---------------------------------------------------------------------------

    def _step(self, *batch: Tensor) -> StepResult:
        """Run a step after looking at everything."""
        if any(tensor.node.value is None for tensor in batch):
            return self.step(*batch)  # it is being traced, and becomes part of that
        self._look_around()
        self._last, self._checks = self._binding(batch)
        result = self._run(self._last, [tensor.value for tensor in batch], quick=False)
        assert result is not None
        return result

    def _look_around(self) -> None:
        self._ready.forget()
        self._changes = registry.changes()
        self._modules = list(self.step.model.modules())
        self._handles = self.step.handles()
        self._learned = [handle for handle in self._handles if handle.requires_grad]
        self._numbers.notice()

    def _binding(self, batch: tuple[Tensor, ...]) -> tuple[Binding, BatchChecks]:
        """Return native code for such a batch, bound to weights and state as they are now."""
        signature = self._signature(batch)
        made = self._made.get(signature)
        self._complete_state(made.idle if made else frozenset())
        if made is None or made.places != self._places():
            made = self._made[signature] = self._compile(batch)
        held = self._hold()
        if signature not in self._bound:
            self._bound[signature] = self._bind(made.executable, held)
            held.watch()  # what was bound refers to the arrays too
        return self._bound[signature], made.checks

    def _hold(self) -> Held:
        """Give weights and state memory of their own, if they have not got it."""
        held = self._held
        if held is None or not held.fits(self._handles):
            held, new = Held(self._handles, self.step.optimiser), True
        else:
            new = held.renew()
        if new or self._bound_numbers is not self._numbers.arrays:
            self._bound.clear()
            self._last, self._log = None, None  # they refer to what was held before
            held.watch()
        self._held, self._bound_numbers = held, self._numbers.arrays
        return held

    def _bind(self, executable: Executable, held: Held) -> Binding:
        return executable.bind(dict(enumerate([*held.arrays, *self._numbers.arrays])))

    def _signature(self, batch: tuple[Tensor, ...]) -> Any:
        held = tuple((id(h), h.requires_grad, h.node.type) for h in self._handles)
        types = tuple(tensor.node.type for tensor in batch)
        modes = tuple(module.training for module in self._modules)
        return types, tuple(self._modules), modes, held, self._numbers.fixed

    def _places(self) -> list[tuple[int, list[str]]]:
        return [(id(owner), list(entries)) for owner, entries in self.step.optimiser.state.items()]

    # Compiling -------------------------------------------------------------------------

    def _complete_state(self, idle: frozenset[Tensor]) -> None:
        """Give the optimiser the state that its first step would start from."""
        optimiser, own = self.step.optimiser, set(self._handles)
        self._completed = {}
        for group in optimiser.param_groups:
            rule = optimiser.group_rule(group)
            learned = [p for p in group["params"] if p.requires_grad and p in own - idle]
            for parameter in learned:
                old = optimiser.state.get(parameter)
                new = rule.completed(parameter, old or {})
                if old is None or new.keys() != old.keys():
                    optimiser.state[parameter], self._completed[parameter] = new, old

    def _compile(self, batch: tuple[Tensor, ...]) -> _Made:
        from lamina.compiler.executable import Executable

        traced = self._trace(batch)
        new = {self._handles[n] for n in traced.donated.values() if n < len(self._handles)}
        idle = frozenset(self._completed.keys() - new)
        if idle:
            self._uncomplete(idle)
            traced = self._trace(batch)
        return _Made(
            Executable(traced.program, traced.donated), self._places(), idle, traced.checks
        )

    def _trace(self, batch: tuple[Tensor, ...]) -> TracedStep:
        return traced_step(self.step, self._numbers, batch, self._outputs, self._guarded)

    def _uncomplete(self, parameters: Iterable[Tensor]) -> None:
        """Take away what the state was completed by."""
        for parameter in parameters:
            old = self._completed.pop(parameter)
            if old is None:
                del self.step.optimiser.state[parameter]
            else:
                self.step.optimiser.state[parameter] = old

    # Checking and undoing --------------------------------------------------------------

    def finite(self) -> bool:
        """Return whether the last step's loss, updated weights and buffers are finite."""
        if isfinite(self._sum):
            return True
        tensors = [self._result.loss, *self._handles]
        return all(finite(tensor.value) for tensor in tensors)

    def undo(self) -> bool:
        """Put weights, buffers and the optimiser's state back to before the last step.

        Return False if that is impossible, because the data of steps before were changed in place;
        weights and state are then those of the last copy.
        """
        assert self._guarded and self._log is not None and self._held is not None
        self._ready.forget()
        self._held.renew()
        self._bound.clear()
        self._last = None
        log, self._log = self._log, None
        log.put_back()
        same = self._replay(log.steps[:-1], self._held)
        if not same:
            log.put_back()
        if len(log.steps) == 1:
            self._uncomplete(list(self._completed))
        return same

    def _replay(self, steps: list[Step], held: Held) -> bool:
        """Run steps again; return whether each gave the numbers that it gave before."""
        present, same = self._numbers.values, True
        for step in steps:
            self._numbers.put(step.hyperparameters)
            found = self._bind(step.executable, held)(*step.given)
            same = same and _seen(found) == step.seen
        self._numbers.put(present)
        return same

    def _copy_now_and_then(self) -> None:
        assert self._held is not None
        if self._log is None:
            self._log = Log(self._held.arrays)
        elif self._log.full():
            self._log.renew()
            self._completed = {}

    def _note(self, binding: Binding, given: Any, found: list[Array], result: StepResult) -> None:
        assert self._log is not None
        self._result, self._sum = result, float(found[-1])
        step = Step(binding.executable, self._numbers.values, tuple(given), _seen(found))
        self._log.add(step)


def _seen(found: list[Array]) -> tuple[bytes, bytes]:
    """The bits of a step's loss and of the sum of its new values."""
    return found[0].tobytes(), found[-1].tobytes()
