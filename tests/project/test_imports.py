"""`import lamina` is light, and the layering contracts hold and can fail."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONAL = {
    "PIL",
    "click",
    "jax",
    "llvmlite",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "sympy",
    "tensorflow",
    "torch",
}
CORE = {"core", "ops", "autodiff", "tensors", "random"}
# What Python itself or an environment's .pth files load.
ENVIRONMENT = {"__main__", "_distutils_hack", "sitecustomize", "usercustomize", "coverage"}
LOADED_MODULES = "import json, sys, lamina; print(json.dumps(sorted(sys.modules)))"


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as main; main(['--no-cache'])"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, 'src'); {code}"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_import_loads_no_optional_package() -> None:
    loaded = {name.partition(".")[0] for name in json.loads(python(LOADED_MODULES))}
    assert "numpy" in loaded
    assert loaded & OPTIONAL == set()


def test_import_loads_what_tensors_need_and_no_more() -> None:
    loaded = {tuple(name.split(".")[:2]) for name in json.loads(python(LOADED_MODULES))}
    others = {top for top, *_ in loaded} - sys.stdlib_module_names - ENVIRONMENT
    assert others == {"numpy", "lamina"}
    assert {rest[0] for top, *rest in loaded if top == "lamina" and rest} == CORE


def test_layering_contracts_hold() -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("core/planted.py", "import lamina.ops", "Layers import downwards"),
        ("core/planted.py", "import llvmlite.ir", "llvmlite only in compiler.llvm"),
        ("core/planted.py", "def f():\n    import pytest", "Test references nowhere"),
        ("train/planted.py", "import torch", "Other frameworks only in bench.rivals"),
        ("bench/planted.py", "import lamina.bench.rivals.pytorch", "Rivals are loaded by name"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    tmp_path: Path, module: str, statement: str, contract: str
) -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src" / "lamina" / module).write_text(statement + "\n", encoding="utf-8")
    result = lint_imports(tmp_path)
    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    assert result.returncode == 1
    assert len(broken) == 1
    assert broken[0].startswith(contract)
