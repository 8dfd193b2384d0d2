"""Settings that hold for every test."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No deadline: time says nothing about correctness. In CI the examples are the same in every run.
settings.register_profile("lamina", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lamina")

os.environ["LAMINA_DEBUG"] = "verify"  # what every pass makes

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts jobs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def native_code_folder() -> Iterator[None]:
    """Keep native code apart from the user's, and compile everything anew in every run."""
    folder = tempfile.mkdtemp(prefix="lamina-tests-")
    os.environ["LAMINA_CACHE_DIR"] = folder
    yield
    shutil.rmtree(folder, ignore_errors=True)
