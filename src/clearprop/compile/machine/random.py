"""Random bits in compiled code: `clearprop.rules.random` to the bit, at any position.

A number is a function of a key and of its position, so every thread makes those of its own rows.
The generator is Philox 4x64 with ten rounds, as NumPy ships it. A block of its four words of 64
bits is eight numbers of 32 bits, the lower half of a word first; block ``i`` has counter ``i + 1``,
since NumPy's generator counts before it draws.

It is written without vectors: the upper half of a product of 64 bits is one scalar instruction, and
some twenty for a vector. The blocks are independent, so the processor overlaps them by itself.

Source: J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

NUMBERS = 8  # of 32 bits, in a block
_ROUNDS = 10
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # what a round adds to the key

_I8, _I32, _I64 = (ir.IntType(bits) for bits in (8, 32, 64))
_I128, _PTR, _VOID = ir.IntType(128), ir.PointerType(), ir.VoidType()
_F32, _F64 = ir.FloatType(), ir.DoubleType()


def philox_block(b: ir.IRBuilder, block: ir.Value, key: tuple[ir.Value, ir.Value]) -> ir.Value:
    """Write the eight numbers of a block.

    Parameters
    ----------
    b : ir.IRBuilder
    block : ir.Value
        Its number, an i64 from 0: it holds the numbers at positions ``8 * block`` and the next 7.
    key : tuple of ir.Value
        Two i64.

    Returns
    -------
    ir.Value
        A vector of eight i32.
    """
    zero = _I64(0)
    words = [b.add(block, _I64(1)), zero, zero, zero]
    for turn in range(_ROUNDS):
        keys = [
            b.add(part, _I64(turn * weyl % 2**64)) for part, weyl in zip(key, _WEYL, strict=True)
        ]
        high0, low0 = _product(b, words[0], _MULTIPLIERS[0])
        high1, low1 = _product(b, words[2], _MULTIPLIERS[1])
        words = [
            b.xor(b.xor(high1, words[1]), keys[0]),
            low1,
            b.xor(b.xor(high0, words[3]), keys[1]),
            low0,
        ]
    vector = ir.Constant(ir.VectorType(_I64, 4), ir.Undefined)
    for i, word in enumerate(words):
        vector = b.insert_element(vector, word, _I32(i))
    return b.bitcast(vector, ir.VectorType(_I32, NUMBERS))


def limit_of(rate: float) -> int:
    """Give what a number must reach to be kept, where so many of all are not."""
    return int(np.uint32(rate * 2**32))


def element_of(dtype: Any) -> ir.Type:
    """Give what lies in memory for each number: a byte for a boolean."""
    return {"bool": _I8, "float32": _F32, "float64": _F64}[np.dtype(dtype).name]


def write_draw(module: ir.Module, name: str, dtype: Any) -> ir.Function:
    """Write a primitive of `clearprop.rules.random`, if it is not there; give it.

    ``void draw(ptr out, i64 first, i64 count, i64 key0, i64 key1, i32 limit)`` writes an element
    for each of the positions from ``first`` on.

    Parameters
    ----------
    module : ir.Module
    name : str
        ``keep_mask``: a byte, 1 where the number is at least ``limit``, unsigned, else 0;
        or ``uniform``, which does not look at the limit.
    dtype : dtype
        Of the elements: bool, float32 or float64.

    Returns
    -------
    ir.Function
        ``out`` points to the element of position ``first``. The limit of a rate is `limit_of`.
    """
    kind = element_of(dtype)
    name = f"{name}_{np.dtype(dtype).name}"
    found = module.globals.get(name)
    if found is not None:
        return found
    f = ir.Function(module, ir.FunctionType(_VOID, [_PTR, *[_I64] * 4, _I32]), name)
    f.linkage = "internal"
    out, first, count, *key, limit = f.args
    b = ir.IRBuilder(f.append_basic_block("entry"))
    names = "block", "make", "whole", "edge", "look", "copy", "skip", "next", "end"
    block, make, whole, edge, look, copy, skip, following, end = map(f.append_basic_block, names)
    lanes = NUMBERS // 2 if kind == _F64 else NUMBERS
    size = {_I8: 1, _F32: 4, _F64: 8}[kind]
    room = b.alloca(ir.VectorType(kind, lanes))
    start = b.udiv(first, _I64(lanes))
    stop = b.udiv(b.add(b.add(first, count), _I64(lanes - 1)), _I64(lanes))
    entry = b.block
    b.branch(block)

    b.position_at_end(block)
    number = b.phi(_I64)
    number.add_incoming(start, entry)
    b.cbranch(b.icmp_unsigned("<", number, stop), make, end)

    b.position_at_end(make)
    made = _elements(b, philox_block(b, number, (key[0], key[1])), kind, limit)
    offset = b.sub(b.mul(number, _I64(lanes)), first)  # of the block in what is written
    room_behind = b.icmp_signed("<=", b.add(offset, _I64(lanes)), count)
    is_inside = b.and_(b.icmp_signed(">=", offset, _I64(0)), room_behind)
    b.cbranch(is_inside, whole, edge)

    b.position_at_end(whole)
    b.store(made, b.gep(out, [offset], source_etype=kind), align=size)
    b.branch(following)

    b.position_at_end(edge)  # the first or the last block: only the elements that are asked for
    b.store(made, room)
    b.branch(look)

    b.position_at_end(look)
    lane = b.phi(_I64)
    lane.add_incoming(_I64(0), edge)
    at = b.add(offset, lane)  # as an unsigned number, what lies before the first is large
    b.cbranch(b.icmp_unsigned("<", at, count), copy, skip)

    b.position_at_end(copy)
    element = b.load(b.gep(room, [lane], source_etype=kind), typ=kind, align=size)
    b.store(element, b.gep(out, [at], source_etype=kind), align=size)
    b.branch(skip)

    b.position_at_end(skip)
    next_lane = b.add(lane, _I64(1))
    lane.add_incoming(next_lane, skip)
    b.cbranch(b.icmp_unsigned("<", next_lane, _I64(lanes)), look, following)

    b.position_at_end(following)
    number.add_incoming(b.add(number, _I64(1)), following)
    b.branch(block)

    b.position_at_end(end)
    b.ret_void()
    return f


def _elements(b: ir.IRBuilder, numbers: ir.Value, kind: ir.Type, limit: ir.Value) -> ir.Value:
    """Write what is made of the eight numbers of a block."""
    if kind == _I8:
        kept = b.icmp_unsigned(">=", numbers, _spread(b, limit))
        return b.zext(kept, ir.VectorType(_I8, NUMBERS))
    wide = kind == _F64
    bits, unused = (_I64, 64 - 53) if wide else (_I32, 32 - 24)
    lanes = NUMBERS // 2 if wide else NUMBERS
    words = b.bitcast(numbers, ir.VectorType(bits, lanes))
    whole = b.lshr(words, ir.Constant(words.type, [unused] * lanes))
    floats = b.sitofp(whole, ir.VectorType(kind, lanes))  # exact, and none is negative
    return b.fmul(floats, ir.Constant(floats.type, [2.0 ** (-53 if wide else -24)] * lanes))


def _spread(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Write a vector of eight times the same i32."""
    lanes = ir.VectorType(_I32, NUMBERS)
    one = b.insert_element(ir.Constant(lanes, ir.Undefined), value, _I32(0))
    return b.shuffle_vector(one, one, ir.Constant(lanes, [0] * NUMBERS))


def _product(b: ir.IRBuilder, word: ir.Value, multiplier: int) -> tuple[ir.Value, ir.Value]:
    """Write the upper and the lower half of a product of two 64-bit numbers."""
    product = b.mul(b.zext(word, _I128), _I128(multiplier))
    high = b.trunc(b.lshr(product, _I128(64)), _I64)
    return high, b.trunc(product, _I64)
