"""Compiled masks and numbers are those of NumPy's generator, to the bit, wherever they begin."""

import ctypes

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")  # the extra `train` brings it

from llvmlite import ir

from clearprop.compile.machine.engine import Library, Processor, machine_code, this_processor
from clearprop.compile.machine.random import limit_of, philox_block, write_draw
from clearprop.rules.random import keep_mask, uniform

I64, I32, PTR = ir.IntType(64), ir.IntType(32), ir.PointerType()
WORDS = st.integers(0, 2**64 - 1)


def compiled(processor):
    module = ir.Module()
    for outer, name, dtype in (
        ("mask", "keep_mask", bool),
        ("float32", "uniform", np.float32),
        ("float64", "uniform", np.float64),
    ):
        inner = write_draw(module, name, dtype)
        assert write_draw(module, name, dtype) is inner
        f = ir.Function(module, inner.function_type, outer)
        b = ir.IRBuilder(f.append_basic_block())
        b.call(inner, f.args)
        b.ret_void()
    f = ir.Function(module, ir.FunctionType(ir.VoidType(), [PTR, I64, I64, I64]), "block")
    b = ir.IRBuilder(f.append_basic_block())
    b.store(philox_block(b, f.args[1], (f.args[2], f.args[3])), f.args[0], align=4)
    b.ret_void()
    return Library(machine_code(str(module), processor))


def narrower():
    """What this machine also is: the same without AVX-512, and without AVX."""
    host = this_processor()
    found = [host]
    if host.vector_bytes == 64:
        without = ",".join(
            "-" + part[1:] if part.startswith("+avx512") else part
            for part in host.features.split(",")
        )
        found.append(Processor("x86-64-v3", without, 32, 16))
    if host.vector_bytes > 16:
        found.append(Processor("x86-64-v2", "", 16, 16))
    return found


@pytest.fixture(scope="module", params=narrower(), ids=lambda p: p.name)
def library(request):
    return compiled(request.param)


def drawn(library, name, dtype, key, first, count, rate=0.0):
    """What is drawn at some positions; the memory around it must stay."""
    call = library.function(
        name, ctypes.c_void_p, *[ctypes.c_int64] * 2, *[ctypes.c_uint64] * 2, ctypes.c_uint32
    )
    memory = np.full(count + 32, 9, dtype)
    call(memory[16:].ctypes.data, first, count, *map(int, key), limit_of(rate))
    assert (memory[:16] == 9).all()
    assert (memory[16 + count :] == 9).all()
    return memory[16 : 16 + count]


def mask_of(library, key, first, count, rate):
    return drawn(library, "mask", np.uint8, key, first, count, rate)


@settings(deadline=None, max_examples=60)
@example(key=(7, 1), first=0, count=20, rate=0.3)
@example(key=(7, 1), first=3, count=2, rate=0.5)
@example(key=(2**64 - 1, 2**64 - 1), first=8, count=16, rate=0.0)
@example(key=(0, 0), first=7, count=0, rate=0.5)
@given(
    key=st.tuples(WORDS, WORDS),
    first=st.integers(0, 70),
    count=st.integers(0, 70),
    rate=st.floats(0, 1, exclude_max=True),
)
def test_masks_are_the_rules_at_any_position(library, key, first, count, rate):
    whole = keep_mask(np.array(key, np.uint64), shape=(first + count,), rate=rate)
    mask = mask_of(library, key, first, count, rate)
    np.testing.assert_array_equal(mask, whole[first:].view(np.uint8))


def test_rows_that_are_drawn_apart_are_the_mask(library):
    key = np.array([123, 456], np.uint64)
    whole = keep_mask(key, shape=(100, 37), rate=0.2)
    pieces = [mask_of(library, key, 37 * row, 37 * 10, 0.2) for row in range(0, 100, 10)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole.reshape(-1).view(np.uint8))


@settings(deadline=None, max_examples=60)
@example(key=(7, 1), first=0, count=20)
@example(key=(7, 1), first=3, count=2)
@example(key=(0, 0), first=7, count=0)
@given(key=st.tuples(WORDS, WORDS), first=st.integers(0, 70), count=st.integers(0, 70))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_the_rules_at_any_position(library, dtype, key, first, count):
    whole = uniform(np.array(key, np.uint64), shape=(first + count,), dtype=np.dtype(dtype))
    found = drawn(library, dtype, dtype, key, first, count)
    np.testing.assert_array_equal(found, whole[first:])


@settings(deadline=None, max_examples=40)
@example(block=2**32 - 2, key=(1, 2))
@example(block=2**62, key=(1, 2))
@given(block=st.integers(0, 2**63 - 2), key=st.tuples(WORDS, WORDS))
def test_a_block_far_away_is_numpys(library, block, key):
    numbers = np.zeros(8, np.uint32)
    call = library.function("block", ctypes.c_void_p, *[ctypes.c_uint64] * 3)
    call(numbers.ctypes.data, block, *key)
    generator = np.random.Philox(key=np.array(key, np.uint64), counter=block)
    words = generator.random_raw(4)
    np.testing.assert_array_equal(numbers, np.column_stack([words & 0xFFFFFFFF, words >> 32]).flat)
