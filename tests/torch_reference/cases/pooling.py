"""Maximum, average, LP and adaptive pooling; unfold and fold."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, options
from tests.torch_reference.cases.convolution import each_axis
from tests.torch_reference.cases.grid import EXTENTS, combinations, leads, thin, without_defaults
from tests.torch_reference.data import Input

WINDOWS: dict[int, list[Any]] = {1: [1, 2, 3, 4], 2: [1, 2, 3, (3, 2)], 3: [1, 2, (2, 3, 1)]}
STRIDES: dict[int, list[Any]] = {
    1: [None, 1, 2, 4],
    2: [None, 1, 2, (2, 1), (3, 4)],
    3: [None, 1, 2, (1, 2, 3)],
}
TARGETS: dict[int, list[Any]] = {
    1: [1, 2, 4, 9, 12],
    2: [1, 3, (2, 3), (6, 7), (4, None), (8, 9)],
    3: [1, 2, (2, 3, 1), (None, 2, None)],
}
DEFAULTS = {
    "stride": None,
    "padding": 0,
    "dilation": 1,
    "ceil_mode": False,
    "count_include_pad": True,
    "return_indices": False,
    "divisor_override": None,
}
COUNTS = {1: 70, 2: 110, 3: 50}


def cases() -> Iterator[FunctionCase]:
    """All pooling cases."""
    for axes, count in COUNTS.items():
        yield from thin(f"max{axes}", list(_maximum(axes)), count)
        yield from thin(f"avg{axes}", list(_average(axes)), count)
        yield from thin(f"lp{axes}", list(_power(axes)), count // 2)
        yield from _adaptive(axes)
        yield from _ties(axes)
    yield from thin("unfold", list(_unfold()), 50)
    yield from thin("fold", list(_fold()), 50)


def _pool(name: str, axes: int, choice: dict[str, Any], **drawn: Any) -> FunctionCase:
    image = Input((*choice.pop("lead"), *EXTENTS[axes]), **drawn)
    window = choice.pop("window")
    keywords = options(**without_defaults(choice, **DEFAULTS))
    return FunctionCase("pooling", f"{name}{axes}d", (image,), (window,), keywords)


def _maximum(axes: int) -> Iterator[FunctionCase]:
    for choice in combinations(
        window=WINDOWS[axes],
        stride=STRIDES[axes],
        padding=[0, 1],
        dilation=[1, 2],
        ceil_mode=[False, True],
        return_indices=[False, True],
        lead=leads(2),
    ):
        if _fits(axes, choice):
            yield _pool("max_pool", axes, choice, kind="distinct")


def _average(axes: int) -> Iterator[FunctionCase]:
    for choice in combinations(
        window=WINDOWS[axes],
        stride=STRIDES[axes],
        padding=[0, 1],
        ceil_mode=[False, True],
        count_include_pad=[True, False],
        divisor_override=[None, 3] if axes > 1 else [None],
        lead=leads(2),
    ):
        if _fits(axes, choice):
            yield _pool("avg_pool", axes, choice)


def _power(axes: int) -> Iterator[FunctionCase]:
    for choice in combinations(
        norm_type=[1.0, 2.0, 3.0],
        window=WINDOWS[axes],
        stride=STRIDES[axes],
        ceil_mode=[False, True],
        lead=leads(2),
    ):
        image = Input((*choice["lead"], *EXTENTS[axes]), low=0.1, high=2.0)
        args = choice["norm_type"], choice["window"]
        rest = {key: choice[key] for key in ("stride", "ceil_mode")}
        keywords = options(**without_defaults(rest, **DEFAULTS))
        yield FunctionCase("pooling", f"lp_pool{axes}d", (image,), args, keywords)


def _fits(axes: int, choice: dict[str, Any]) -> bool:
    """Padding is at most half the window, and the dilated window fits the padded extent."""
    return all(
        2 * choice["padding"] <= window
        and (window - 1) * choice.get("dilation", 1) < extent + 2 * choice["padding"]
        for window, extent in zip(each_axis(choice["window"], axes), EXTENTS[axes], strict=True)
    )


def _adaptive(axes: int) -> Iterator[FunctionCase]:
    for lead in leads(2):
        for target in TARGETS[axes]:
            shape = (*lead, *EXTENTS[axes])
            name = f"adaptive_avg_pool{axes}d"
            yield FunctionCase("pooling", name, (Input(shape),), (target,))
            spread = (Input(shape, "distinct"),)
            name = f"adaptive_max_pool{axes}d"
            yield FunctionCase("pooling", name, spread, (target,))
            indices = options(return_indices=True)
            yield FunctionCase("pooling", name, spread, (target,), indices)


def _ties(axes: int) -> Iterator[FunctionCase]:
    """Equal values in a window: the first one gets the gradient."""
    for lead in leads(2):
        image = (Input((*lead, *EXTENTS[axes]), "lattice", -1, 1),)
        for stride in (None, 1):
            keywords = options(stride=stride, return_indices=True)
            yield FunctionCase("pooling", f"max_pool{axes}d", image, (2,), keywords)


def _unfold() -> Iterator[FunctionCase]:
    for choice in combinations(
        kernel_size=[1, 2, (3, 2)],
        dilation=[1, 2],
        padding=[0, 1, (0, 2)],
        stride=[1, 2, (1, 3)],
        lead=leads(3),
    ):
        image = Input((*choice.pop("lead"), *EXTENTS[2]))
        yield FunctionCase("pooling", "unfold", (image,), kwargs=options(**choice))


def _fold() -> Iterator[FunctionCase]:
    for choice in combinations(
        output_size=[(6, 7), (5, 5)],
        kernel_size=[1, 2, (3, 2)],
        dilation=[1, 2],
        padding=[0, 1, (0, 2)],
        stride=[1, 2, (1, 3)],
        lead=[(2,), (1,), (), (0,)],
    ):
        lead = choice.pop("lead")
        blocks, taps = 1, 1
        for axis in range(2):
            kernel, dilation, padding, stride = (
                each_axis(choice[key], 2)[axis]
                for key in ("kernel_size", "dilation", "padding", "stride")
            )
            extent = choice["output_size"][axis] + 2 * padding - dilation * (kernel - 1) - 1
            blocks, taps = blocks * (extent // stride + 1), taps * kernel
        columns = Input((*lead, 3 * taps, blocks))
        yield FunctionCase("pooling", "fold", (columns,), kwargs=options(**choice))
