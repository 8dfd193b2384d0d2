"""Loops for Philox4x32-10 (Salmon et al. 2011): the same words as `lamina.core.philox`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.compiler.ir import (
    Affine,
    Assign,
    Buffer,
    Expression,
    Load,
    Local,
    Number,
    Op,
    Statement,
    Store,
    op,
)
from lamina.compiler.lowering.building import Body, count, flat, integer
from lamina.compiler.machines import Machine
from lamina.core.philox import MULTIPLIERS, ROUNDS, WEYL
from lamina.core.types import uint32
from lamina.ops.random import FoldIn, RandomBits

UINT64 = np.dtype("uint64")


def lower_random_bits(
    operation: RandomBits, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return a loop over whole blocks of four words, and the words of the last, shorter one."""
    words = flat(out)
    assert words is not None
    (size,) = words.shape
    body: list[Statement] = list(_key_words(operands[0]))
    whole = count("block", size // 4, *_block(Affine(0, (("block", 1),)), words, 4, "block"))
    body.append(whole)
    if size % 4:
        body += _block(integer(size // 4), words, size % 4, None)
    return tuple(body), 1


def _block(number: Expression, out: Buffer, length: int, loop: str | None) -> list[Statement]:
    """Return the rounds of block ``number`` and the stores of its first ``length`` words."""
    low = Op("convert", (op("and", number, integer(0xFFFFFFFF)),), uint32)
    high = Op("convert", (op("shift_right", number, integer(32)),), uint32)
    zero = Number(0, uint32)
    statements, words = _rounds([low, high, zero, zero])
    start = 0 if loop else out.shape[0] - length
    terms = ((loop, 4),) if loop else ()
    statements += [Store(out, (Affine(start + i, terms),), words[i]) for i in range(length)]
    return statements


def lower_fold_in(
    operation: FoldIn, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return one block with the number and 1 as its counter."""
    key, number = operands
    zero, one = Number(0, uint32), Number(1, uint32)
    statements, words = _rounds([Load(number, ()), zero, zero, one])
    stores = [Store(out, (integer(i),), words[i]) for i in range(2)]
    return (*_key_words(key), *statements, *stores), 1


def _key_words(key: Buffer) -> list[Statement]:
    return [Assign(Local(f"key{i}", uint32), Load(key, (integer(i),))) for i in range(2)]


def _rounds(counter: list[Expression]) -> tuple[list[Statement], list[Local]]:
    """Return the assignments of ten rounds, and the locals that hold the result."""
    words = [Local(f"word{i}", uint32) for i in range(4)]
    products = [Local(f"product{i}", UINT64) for i in range(2)]
    statements: list[Statement] = [Assign(w, c) for w, c in zip(words, counter, strict=True)]
    for turn in range(ROUNDS):
        for i, product in enumerate(products):
            wide = Op("convert", (words[2 * i],), UINT64)
            factor = Number(MULTIPLIERS[i], UINT64)
            statements.append(Assign(product, op("multiply", wide, factor)))
        keys = [_round_key(i, turn) for i in range(2)]
        statements += [
            Assign(words[0], _xor(_high(products[1]), words[1], keys[0])),
            Assign(words[1], Op("convert", (products[1],), uint32)),
            Assign(words[2], _xor(_high(products[0]), words[3], keys[1])),
            Assign(words[3], Op("convert", (products[0],), uint32)),
        ]
    return statements, words


def _round_key(number: int, turn: int) -> Expression:
    step = Number(turn * WEYL[number] & 0xFFFFFFFF, uint32)
    return op("add", Local(f"key{number}", uint32), step)


def _high(product: Local) -> Expression:
    return Op("convert", (op("shift_right", product, Number(32, UINT64)),), uint32)


def _xor(a: Expression, b: Expression, c: Expression) -> Expression:
    return op("xor", op("xor", a, b), c)
