"""Data by name and options, for the command line and configuration files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import numpy as np

from lamina.core import philox
from lamina.core.errors import ArgumentError
from lamina.core.philox import Words
from lamina.core.types import Array
from lamina.data import generators
from lamina.data.cifar import cifar10, cifar100
from lamina.data.csv_table import csv_table
from lamina.data.dataset import Dataset
from lamina.data.embedded import digits, iris
from lamina.data.idx import fashion_mnist, mnist
from lamina.data.image_folder import image_folder
from lamina.data.npz import npz
from lamina.data.splitting import Splits, split

REQUIRED = inspect.Parameter.empty
FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "abs": np.abs,
    "square": np.square,
    "sign": np.sign,
    "sinc": np.sinc,
    "exp": np.exp,
}


@dataclass(frozen=True)
class Option:
    """One option of a source; `default` is `REQUIRED` where there is none."""

    name: str
    type: Any
    default: Any

    def __str__(self) -> str:
        shown = "required" if self.default is REQUIRED else repr(self.default)
        return f"{self.name}: {_type_name(self.type)} = {shown}"


@dataclass(frozen=True)
class Source:
    """A named way to get training, validation and test data.

    `make` gives one data set to be split at random, or, if it has a parameter `train`, the
    published training or test part. A parameter `key` gets a key made of the option `seed`.
    """

    name: str
    make: Callable[..., Dataset]
    fractions: tuple[float, ...] = (0.7, 0.1, 0.2)

    @property
    def summary(self) -> str:
        """One line."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0]

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of `make`."""
        return inspect.signature(self.make, eval_str=True).parameters

    @property
    def parted(self) -> bool:
        """Whether the data are published in a training and a test part."""
        return "train" in self.parameters

    @property
    def options(self) -> tuple[Option, ...]:
        """Every option that `load` takes for this source."""
        own = [
            Option(name, parameter.annotation, parameter.default)
            for name, parameter in self.parameters.items()
            if name not in ("key", "train")
        ]
        if self.parted:
            counts = (("train", None), ("validation", 5000), ("test", None))
            own += [Option(name, int | None, default) for name, default in counts]
        else:
            own.append(Option("fractions", tuple[float, ...], self.fractions))
        return (*own, Option("seed", int, 0))

    def load(self, **options: Any) -> Splits:
        """Training, validation and test data; text is converted to the option's type."""
        values = self._values(options)
        seed = philox.split(philox.make_key(values.pop("seed")), 2)
        if self.parted:
            return self._load_parts(values, seed[1])
        fractions = values.pop("fractions")
        if len(fractions) != 3:
            raise ArgumentError(
                f"{self.name}: fractions must be three numbers (training, validation, test), "
                f"got {fractions}"
            )
        keyed = {"key": seed[0]} if "key" in self.parameters else {}
        return Splits(*split(self.make(**values, **keyed), fractions, seed[1]))

    def _load_parts(self, values: dict[str, Any], key: Words) -> Splits:
        """Validation data come out of the published training part."""
        counts = {name: values.pop(name) for name in Splits._fields}
        pool, test = self.make(**values, train=True), self.make(**values, train=False)
        pool_key, test_key = philox.split(key, 2)
        held_out = counts["validation"] or 0
        if held_out > len(pool):
            raise ArgumentError(
                f"{self.name}: validation={held_out} is more than the {len(pool)} training examples"
            )
        kept = len(pool) - held_out if counts["train"] is None else counts["train"]
        train, validation = split(pool, (kept, held_out), pool_key)
        if counts["test"] is not None:
            (test,) = split(test, (counts["test"],), test_key)
        return Splits(train, validation, test)

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        options = {option.name: option for option in self.options}
        known = "; ".join(map(str, self.options))
        for name in given:
            if name not in options:
                raise ArgumentError(f"{self.name}: no option {name!r}; options: {known}")
        values = {}
        for name, option in options.items():
            value = given.get(name, option.default)
            if value is REQUIRED:
                raise ArgumentError(f"{self.name}: option {name!r} is required; options: {known}")
            values[name] = _convert(self.name, option, value)
        return values


def load(name: str, **options: Any) -> Splits:
    """Training, validation and test data of a named source.

    `options` are those of `names()`, as values or as text. Sources that are not published in parts
    are split at random by `fractions` (numbers that sum to one, or counts), in proportion of the
    classes; of the others, `validation` examples are taken from the training part, and `train` and
    `test` limit how many are used. Everything random depends on `seed` alone.

    Raises `ArgumentError` for an unknown name or option, and lists those there are.

    >>> train, validation, test = load("iris", fractions=(90, 30, 30))
    >>> len(train), len(validation), len(test)
    (90, 30, 30)
    """
    if name not in SOURCES:
        raise ArgumentError(f"load: no data {name!r}; there are {', '.join(SOURCES)}")
    return SOURCES[name].load(**options)


def names() -> dict[str, tuple[Option, ...]]:
    """Every source's name with its options.

    >>> print(*names()["digits"], sep="; ")
    size: int = 8; margin: int | None = None; fractions: tuple[float, ...] = (0.7, 0.1, 0.2); seed: int = 0
    """  # noqa: E501
    return {name: source.options for name, source in SOURCES.items()}


def function(
    key: Words,
    function: str = "sin",
    count: int = 500,
    low: float = -3.0,
    high: float = 3.0,
    noise: float = 0.1,
) -> Dataset:
    """Noisy samples of a function of one variable."""
    if function not in FUNCTIONS:
        raise ArgumentError(f"function: no function {function!r}; there are {', '.join(FUNCTIONS)}")
    return generators.function_samples(FUNCTIONS[function], key, count, low, high, noise)


def xor(key: Words, count: int = 400, noise: float = 0.1) -> Dataset:
    """Exclusive or: noisy copies of the corners of the unit square."""
    return generators.xor(key, count, noise)


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("digits", digits),
        Source("iris", iris, (0.8, 0.1, 0.1)),
        Source("moons", generators.moons, (0.64, 0.16, 0.2)),
        Source("circles", generators.circles),
        Source("spirals", generators.spirals),
        Source("xor", xor),
        Source("blobs", generators.blobs),
        Source("function", function),
        Source("mnist", mnist),
        Source("fashion_mnist", fashion_mnist),
        Source("cifar10", cifar10),
        Source("cifar100", cifar100),
        Source("npz", npz),
        Source("csv", csv_table),
        Source("folder", image_folder),
    )
}


def _convert(source: str, option: Option, value: Any) -> Any:
    """Text to the option's type, as a command line needs; other values unchanged."""
    if not isinstance(value, str):
        return value
    kinds = get_args(option.type) if get_origin(option.type) is UnionType else (option.type,)
    for kind in sorted(kinds, key=lambda kind: kind is str):
        try:
            return PARSERS.get(kind, _numbers)(value)
        except ValueError:
            continue
    raise ArgumentError(
        f"{source}: option {option.name!r} must be {_type_name(option.type)}, got {value!r}"
    )


def _word(words: Mapping[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]

    return parse


def _numbers(text: str) -> tuple[float, ...]:
    parts = text.split(",")
    whole = all(part.strip().isdigit() for part in parts)
    return tuple((int if whole else float)(part) for part in parts)


PARSERS: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    Path: Path,
    bool: _word({"true": True, "false": False}),
    NoneType: _word({"none": None}),
}


def _type_name(kind: Any) -> str:
    return kind.__name__ if type(kind) is type else str(kind).replace("pathlib.", "")
