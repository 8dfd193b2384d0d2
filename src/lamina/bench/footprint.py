"""What a framework costs before it does anything: time to import it, room on the disk."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from lamina.bench.contenders import Contender

REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")
IMPORT = "from time import perf_counter as t; s = t(); import {}; print(t() - s)"
IMPORTS = 5


@dataclass(frozen=True)
class Footprint:
    """A framework's version, seconds to import it, and bytes installed with all that it needs."""

    package: str
    version: str
    import_seconds: float
    installed_bytes: int


def measure(contenders: Iterable[Contender]) -> tuple[Footprint, ...]:
    """Measure each framework of the contenders that is installed, once."""
    packages = dict.fromkeys(contender.package for contender in contenders)
    return tuple(footprint(package) for package in packages if find_spec(package) is not None)


def footprint(package: str) -> Footprint:
    """Measure one installed package."""
    name = distribution_of(package)
    return Footprint(package, metadata.version(name), _import_seconds(package), _bytes(package))


def distribution_of(package: str) -> str:
    """Return the name of the distribution that a package was installed from.

    >>> distribution_of("numpy")
    'numpy'
    """
    found = metadata.packages_distributions().get(package, [package])
    return next((name for name in found if name == package), found[0])


def with_requirements(name: str) -> list[str]:
    """Return a distribution and all that it needs, extras aside, as far as they are installed.

    >>> with_requirements("numpy")
    ['numpy']
    """
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop().lower().replace("_", "-")
        if current not in found and _installed(current):
            found[current] = None
            waiting += _requirements(current)
    return list(found)


def _requirements(name: str) -> Iterator[str]:
    for line in metadata.requires(name) or []:
        match = REQUIREMENT.match(line)
        if match is not None and "extra ==" not in line:
            yield match[0]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _import_seconds(package: str) -> float:
    """Return the median time of several imports, each in a process of its own."""
    command = [sys.executable, "-c", IMPORT.format(package)]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(IMPORTS)
    ]
    return median(float(run.stdout.split()[-1]) for run in runs)


def _bytes(package: str) -> int:
    """Return the size of the package's files and of all that it requires."""
    names = with_requirements(distribution_of(package))
    files = {file for name in names for file in _files(name)} | _own_files(package)
    return sum(file.stat().st_size for file in files if file.is_file())


def _files(name: str) -> Iterator[Path]:
    for file in metadata.distribution(name).files or []:
        if file.suffix != ".pyc":
            yield Path(str(file.locate())).resolve()


def _own_files(package: str) -> set[Path]:
    """Return the package's files as they are imported: an editable install lists none of them."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec is not None else []
    found = (file for folder in folders for file in Path(folder).rglob("*"))
    return {file.resolve() for file in found if file.suffix != ".pyc"}
