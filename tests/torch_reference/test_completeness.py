"""Whatever Lamina shares with PyTorch by name is compared, or there is a reason why not."""

from types import ModuleType

import pytest

import lamina
from lamina import functions, nn, optim
from tests.torch_reference.case import OptimiserCase
from tests.torch_reference.cases import all_cases

CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterList", "Parameter", "Sequential"}
BASES = {"Optimizer", "LRScheduler"}
RANDOM = {"manual_seed", "rand", "randn"}
MODES = {"enable_grad", "no_grad"}
TYPES = {"Tensor"}  # its methods are compared
NORMS = {"get_total_norm"}  # the result of clip_grad_norm_, which is compared
CONVERSIONS = {"as_tensor", "from_dlpack", "from_numpy", "tensor"}
UNLIKE = {"trace", "compile", "diff"}  # another thing under the name: a Program, a Compiled, a part
PREDICATES = {"equal"}  # gives a Python bool, not a tensor
SETTINGS = {"get_num_threads", "set_num_threads"}  # of the process, with no values to compare
EXCLUDED = CONTAINERS | BASES | RANDOM | MODES | CONVERSIONS | UNLIKE | PREDICATES | TYPES | NORMS
EXCLUDED |= SETTINGS
NAMESPACES = [
    (functions, "torch.nn.functional"),
    (lamina, "torch"),
    (nn, "torch.nn"),
    (nn.init, "torch.nn.init"),
    (optim, "torch.optim"),
    (optim, "torch.nn.utils"),
    (optim.lr_scheduler, "torch.optim.lr_scheduler"),
]


def compared() -> set[str]:
    names = {case.name for case in all_cases()}
    optimised = [case for case in all_cases() if isinstance(case, OptimiserCase)]
    return names | {case.clip[0] for case in optimised if case.clip}


@pytest.mark.parametrize(("ours", "theirs"), NAMESPACES, ids=lambda each: str(each))
def test_every_shared_name_is_compared(ours: ModuleType, theirs: str) -> None:
    torch = pytest.importorskip(theirs)
    shared = [name for name in public(ours) if callable(getattr(torch, name, None))]
    assert shared
    missing = set(shared) - compared() - EXCLUDED
    assert not missing


def public(module: ModuleType) -> list[str]:
    return [n for n in getattr(module, "__all__", dir(module)) if not n.startswith("_")]


def test_exclusions_exist_and_are_not_compared() -> None:
    known = {name for module, _ in NAMESPACES for name in public(module)}
    assert known >= EXCLUDED
    assert not EXCLUDED & compared()
