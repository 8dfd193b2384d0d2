"""The table of machines: which one a host gets, and that its register tiles really fit."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.compiler.machines import (
    MACHINES,
    V3,
    V4,
    Machine,
    Tile,
    host,
    named,
    second_level_cache,
    with_cache,
)
from lamina.core.errors import ArgumentError

TRIPLES = {
    "avx512": "x86_64-unknown-linux-gnu",
    "avx2": "x86_64-unknown-linux-gnu",
    "sse": "x86_64-unknown-linux-gnu",
    "neon": "aarch64-unknown-linux-gnu",
    "generic": "x86_64-unknown-linux-gnu",
}
# A vector register stored to the stack or read from it.
SPILL = re.compile(r"\(%rsp\).*[xyz]mm\d|[xyz]mm\d+.*\(%rsp\)|\bq\d+,.*\[sp")
machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
itemsizes = pytest.mark.parametrize("itemsize", [4, 8])


@pytest.fixture(autouse=True)
def no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAMINA_MACHINE", raising=False)


def with_features(*names: str) -> dict[str, bool]:
    return dict.fromkeys(V4, False) | dict.fromkeys(names, True)


@pytest.mark.parametrize(
    ("features", "architecture", "expected"),
    [
        (with_features(*V4), "x86_64", "avx512"),
        (with_features(*V3), "x86_64", "avx2"),
        (with_features(*V3, "avx512f"), "AMD64", "avx2"),
        (with_features("avx2"), "x86_64", "sse"),
        ({}, "x86_64", "sse"),
        (with_features("neon"), "aarch64", "neon"),
        ({}, "arm64", "neon"),
        ({}, "riscv64", "generic"),
        (with_features(*V4), "riscv64", "generic"),
    ],
)
def test_host_gets_the_best_machine_it_runs(
    features: dict[str, bool], architecture: str, expected: str
) -> None:
    assert host(features, architecture).name == expected


@given(st.sets(st.sampled_from(V4)), st.sampled_from(["x86_64", "aarch64", "ppc64le"]))
def test_host_never_gets_a_machine_that_needs_more(features: set[str], architecture: str) -> None:
    machine = host(with_features(*features), architecture)
    assert set(machine.requires) <= features
    assert machine.architecture in ("", architecture)


@pytest.mark.parametrize("name", ["avx512", "avx2", "sse", "generic"])
def test_setting_chooses_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LAMINA_MACHINE", name)
    assert host(with_features(*V4), "x86_64") is named(name)


def test_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_MACHINE", "")
    assert host(with_features(*V4), "x86_64").name == "avx512"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("avx1024", "LAMINA_MACHINE: machine 'avx1024' is not known: choose one of avx512, avx2"),
        (
            "avx512",
            "lacks avx512f, avx512bw, avx512cd, avx512dq, avx512vl: choose one of avx2, sse",
        ),
        ("neon", "cannot run neon code, it lacks the architecture aarch64"),
    ],
)
def test_setting_that_cannot_be_had_is_an_error(
    monkeypatch: pytest.MonkeyPatch, choice: str, message: str
) -> None:
    monkeypatch.setenv("LAMINA_MACHINE", choice)
    with pytest.raises(ArgumentError, match=re.escape(message)):
        host(with_features(*V3), "x86_64")


@machines
@itemsizes
def test_each_tile_is_the_largest_that_fits(machine: Machine, itemsize: int) -> None:
    tiles = machine.tiles(itemsize)
    assert {tile.vectors for tile in tiles} == set(range(1, len(tiles) + 1))
    for tile in tiles:
        assert machine.fits(tile, itemsize)
        assert not machine.fits(Tile(tile.rows + 1, tile.vectors), itemsize)
    assert machine.rows(len(tiles) + 1, itemsize) == 0


@machines
def test_tiles_come_with_the_fewest_loads_first(machine: Machine) -> None:
    loads = [tile.loads_per_multiplication for tile in machine.tiles()]
    assert loads == sorted(loads)


@pytest.mark.parametrize(
    ("name", "tiles"),
    [
        ("avx512", [(6, 4), (8, 3), (12, 2), (14, 2), (24, 1)]),
        ("avx2", [(6, 2), (4, 3)]),
        ("neon", [(6, 4), (8, 3), (12, 2), (24, 1)]),
    ],
)
def test_well_known_tiles_fit(name: str, tiles: list[tuple[int, int]]) -> None:
    assert all(named(name).fits(Tile(*tile)) for tile in tiles)


@machines
@itemsizes
def test_tiles_compile_without_spills(machine: Machine, itemsize: int) -> None:
    """For each tile, LLVM keeps accumulators and operands in registers."""
    assembly = compiler(machine)
    for tile in machine.tiles(itemsize):
        text = assembly(micro_kernel(machine, tile, itemsize))
        assert not SPILL.search(text), f"{tile} spills:\n{text}"


def test_a_tile_too_large_is_seen_to_spill() -> None:
    for name in ("avx512", "avx2", "sse", "neon"):
        machine = named(name)
        tile = Tile(machine.rows(2) + 3, 2)
        assert SPILL.search(compiler(machine)(micro_kernel(machine, tile, 4)))


@pytest.mark.parametrize(("name", "register"), [("avx512", "zmm"), ("avx2", "ymm"), ("sse", "xmm")])
def test_vectors_fill_the_registers(name: str, register: str) -> None:
    text = compiler(named(name))(micro_kernel(named(name), Tile(2, 2), 4))
    widest = next(r for r in ("zmm", "ymm", "xmm") if f"%{r}" in text)
    assert widest == register
    assert ("vfmadd" in text) == named(name).fma


def test_generic_code_is_emitted_for_web_assembly() -> None:
    machine = named("generic")
    text = compiler(machine, "wasm32-unknown-unknown")(micro_kernel(machine, Tile(2, 2), 4))
    assert "f32.mul" in text


def compiler(machine: Machine, triple: str | None = None) -> Callable[[str], str]:
    """A function from LLVM IR to the machine's assembly."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple or TRIPLES[machine.name])
    target_machine = target.create_target_machine(machine.cpu, machine.features, opt=3)

    def assembly(text: str) -> str:
        module = llvm.parse_assembly(text)
        module.triple = target_machine.triple
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        passes = llvm.create_pass_builder(target_machine, options)
        passes.getModulePassManager().run(module, passes)
        return str(target_machine.emit_assembly(module))

    return assembly


def micro_kernel(machine: Machine, tile: Tile, itemsize: int) -> str:
    """The LLVM IR of ``c[row, :] += Σ a[k, row] · b[k, :]`` for one tile."""
    lanes = machine.lanes(itemsize)
    scalar = {4: "float", 8: "double"}[itemsize]
    vector = f"<{lanes} x {scalar}>"
    zeros = f"<{lanes} x i32> zeroinitializer"
    fma = f"@llvm.fma.v{lanes}f{8 * itemsize}"
    cells = [(i, j) for i in range(tile.rows) for j in range(tile.vectors)]
    lines = [
        f"declare {vector} {fma}({vector}, {vector}, {vector})",
        "define void @tile(i64 %n, ptr noalias %a, ptr noalias %b, ptr noalias %c) {",
        "entry:\n br label %loop\nloop:\n %k = phi i64 [0, %entry], [%next, %loop]",
        *(
            f" %s{i}_{j} = phi {vector} [zeroinitializer, %entry], [%t{i}_{j}, %loop]"
            for i, j in cells
        ),
        f" %ka = mul i64 %k, {tile.rows}\n %kb = mul i64 %k, {tile.vectors * lanes}",
    ]
    for j in range(tile.vectors):
        lines += [
            f" %bi{j} = add i64 %kb, {j * lanes}",
            f" %bp{j} = getelementptr {scalar}, ptr %b, i64 %bi{j}",
            f" %b{j} = load {vector}, ptr %bp{j}, align {itemsize}",
        ]
    # Each element's load stands right before its products: loaded together, they would spill.
    for i in range(tile.rows):
        lines += [
            f" %ai{i} = add i64 %ka, {i}",
            f" %ap{i} = getelementptr {scalar}, ptr %a, i64 %ai{i}",
            f" %x{i} = load {scalar}, ptr %ap{i}",
            f" %y{i} = insertelement {vector} poison, {scalar} %x{i}, i32 0",
            f" %z{i} = shufflevector {vector} %y{i}, {vector} poison, {zeros}",
        ]
        for j in range(tile.vectors):
            if machine.fma:
                operands = f"{vector} %z{i}, {vector} %b{j}, {vector} %s{i}_{j}"
                lines.append(f" %t{i}_{j} = call {vector} {fma}({operands})")
            else:
                lines.append(f" %m{i}_{j} = fmul {vector} %z{i}, %b{j}")
                lines.append(f" %t{i}_{j} = fadd {vector} %m{i}_{j}, %s{i}_{j}")
    lines.append(" %next = add i64 %k, 1\n %end = icmp eq i64 %next, %n")
    lines.append(" br i1 %end, label %done, label %loop\ndone:")
    for number, (i, j) in enumerate(cells):
        lines.append(f" %cp{i}_{j} = getelementptr {scalar}, ptr %c, i64 {number * lanes}")
        lines.append(f" store {vector} %t{i}_{j}, ptr %cp{i}_{j}, align {itemsize}")
    return "\n".join([*lines, " ret void\n}"])


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"index0": ("1", "32K"), "index2": ("2", "512K"), "index3": ("3", "32768K")}, 512 << 10),
        ({"index0": ("1", "32K"), "index3": ("3", "32768K")}, None),
        ({"index2": ("2", "much")}, None),
        ({"index2": ("2", None)}, None),
        ({}, None),
    ],
)
def test_the_second_level_cache_is_the_systems_word(
    tmp_path: Path, levels: dict[str, tuple[str, str | None]], expected: int | None
) -> None:
    for index, (level, size) in levels.items():
        (tmp_path / index).mkdir()
        (tmp_path / index / "level").write_text(f"{level}\n")
        if size is not None:
            (tmp_path / index / "size").write_text(f"{size}\n")
    assert second_level_cache(tmp_path) == expected


def test_most_of_the_second_level_cache_is_counted_on() -> None:
    machine = named("avx2")
    assert with_cache(machine, 1 << 20).cache == 768 * 1024
    assert with_cache(machine, 64 << 20).cache == with_cache(machine, 3 << 20).cache
    assert with_cache(machine, None) is machine
