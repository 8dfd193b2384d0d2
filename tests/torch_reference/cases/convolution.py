"""Convolutions and transposed convolutions in one, two and three dimensions."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.cases.grid import EXTENTS, combinations, leads, thin, without_defaults
from tests.torch_reference.data import Input

KERNELS: dict[int, list[Shape]] = {
    1: [(1,), (2,), (3,), (4,)],
    2: [(1, 1), (2, 2), (3, 3), (3, 2), (1, 4)],
    3: [(1, 1, 1), (2, 2, 2), (3, 2, 1), (3, 3, 3)],
}
STRIDES: dict[int, list[Any]] = {1: [1, 2, 3], 2: [1, 2, (2, 1), (1, 3)], 3: [1, 2, (1, 2, 1)]}
PADDINGS: dict[int, list[Any]] = {
    1: [0, 1, 2, "same", "valid"],
    2: [0, 1, (1, 2), (0, 1), "same", "valid"],
    3: [0, 1, (1, 0, 2), "same"],
}
DILATIONS: dict[int, list[Any]] = {1: [1, 2, 3], 2: [1, 2, (2, 1)], 3: [1, (1, 2, 1)]}
COUNTS = {1: 110, 2: 170, 3: 80}
DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}


def cases() -> Iterator[FunctionCase]:
    """All convolution cases."""
    for axes, count in COUNTS.items():
        yield from thin(f"conv{axes}", list(_forward(axes)), count)
        yield from thin(f"conv_transpose{axes}", list(_transposed(axes)), count * 3 // 4)
        yield from _single_pixel(axes)


def _forward(axes: int) -> Iterator[FunctionCase]:
    for choice in combinations(
        kernel=KERNELS[axes],
        stride=STRIDES[axes],
        padding=PADDINGS[axes],
        dilation=DILATIONS[axes],
        groups=[1, 2, 4],
        bias=[True, False],
        lead=leads(4),
    ):
        if _fits(axes, choice):
            yield _convolution(axes, (4, 4 // choice["groups"]), choice)


def _transposed(axes: int) -> Iterator[FunctionCase]:
    for choice in combinations(
        kernel=KERNELS[axes],
        stride=STRIDES[axes],
        padding=[p for p in PADDINGS[axes] if not isinstance(p, str)],
        output_padding=[0, 1],
        dilation=DILATIONS[axes],
        groups=[1, 2],
        bias=[True, False],
        lead=leads(4),
    ):
        if _transposable(axes, choice):
            yield _convolution(axes, (4, 6 // choice["groups"]), choice, "conv_transpose")


def _convolution(
    axes: int, channels: Shape, choice: dict[str, Any], prefix: str = "conv"
) -> FunctionCase:
    weight = (*channels, *choice.pop("kernel"))
    outputs = 4 if prefix == "conv" else channels[1] * choice["groups"]
    image = Input((*choice.pop("lead"), *EXTENTS[axes]))
    bias = (Input((outputs,), keyword="bias"),) if choice.pop("bias") else ()
    keywords = options(**without_defaults(choice, **DEFAULTS))
    return FunctionCase(
        "convolution", f"{prefix}{axes}d", (image, Input(weight), *bias), kwargs=keywords
    )


def _single_pixel(axes: int) -> Iterator[FunctionCase]:
    """1×1 inputs: bare, and with padding that makes room for the kernel."""
    one = (1,) * axes
    for prefix in ("conv", "conv_transpose"):
        name = f"{prefix}{axes}d"
        for lead in leads(3):
            image, weight = Input((*lead, *one)), Input((3, 3, *one))
            yield FunctionCase("convolution", name, (image, weight))
            padded = (image, Input((3, 3, *(3,) * axes)))
            yield FunctionCase("convolution", name, padded, kwargs=options(padding=1))
            strided = options(padding=1, stride=2)
            yield FunctionCase("convolution", name, padded, kwargs=strided)


def each_axis(value: Any, axes: int) -> Shape:
    """A number as that number along each axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _fits(axes: int, choice: dict[str, Any]) -> bool:
    if choice["padding"] == "same":
        return bool(choice["stride"] == 1)
    padding = 0 if choice["padding"] == "valid" else choice["padding"]
    return all(
        (kernel - 1) * dilation < extent + 2 * pad
        for kernel, dilation, extent, pad in zip(
            choice["kernel"],
            each_axis(choice["dilation"], axes),
            EXTENTS[axes],
            each_axis(padding, axes),
            strict=True,
        )
    )


def _transposable(axes: int, choice: dict[str, Any]) -> bool:
    """Output padding must be less than the stride or the dilation; the output must be positive."""
    return all(
        output < max(stride, dilation)
        and (extent - 1) * stride - 2 * pad + dilation * (kernel - 1) + output >= 0
        for kernel, stride, dilation, extent, pad, output in zip(
            choice["kernel"],
            each_axis(choice["stride"], axes),
            each_axis(choice["dilation"], axes),
            EXTENTS[axes],
            each_axis(choice["padding"], axes),
            each_axis(choice["output_padding"], axes),
            strict=True,
        )
    )
