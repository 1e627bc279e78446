"""Matrix products as machine code: near the exact ones, and the same bits for any split of rows."""

import ctypes
import functools
import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from processors import NARROW, processors

from clearprop.compile.machine.engine import Library, machine_code
from clearprop.compile.machine.matmul import (
    Product,
    list_length,
    packed_bytes,
    packed_parts,
    plan,
    scratch_bytes,
    write_matmul,
    write_packing,
)


@functools.cache
def compiled(spec, processor=None):
    module = ir.Module()
    write_matmul(module, "product", spec, processor)
    code = machine_code(str(module), processor)
    more = [ctypes.c_void_p] if list_length(spec, processor) else []
    arguments = [*[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_int64, *more]
    return Library(code).function("product", *arguments)


@functools.cache
def before_a_wall():
    """Give the end of memory behind which no reading is allowed."""
    size = mmap.PAGESIZE
    room = mmap.mmap(-1, 17 * size)
    end = ctypes.addressof(ctypes.c_char.from_buffer(room)) + 16 * size
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(end), ctypes.c_size_t(size), 0) == 0
    return room, end


def operand(random, rows, columns, dtype, order, gap):
    """Draw a matrix whose strides are not the usual ones; outside of it is NaN."""
    shape = (rows, columns) if order == "C" else (columns, rows)
    room = np.full((shape[0], shape[1] * gap + 3), np.nan, dtype)
    inside = room[:, : shape[1] * gap : gap]
    inside[...] = random.standard_normal(shape)
    return inside if order == "C" else inside.T


def product(A, B, spec, C, bias, splits, processor=None):
    """Run the machine code over the rows, part by part."""
    call = compiled(spec, processor)
    scratch = np.full(scratch_bytes(spec, processor) + 64, 0xFF, np.uint8)
    guard = scratch[-64:].copy()
    for start, stop in zip([0, *splits], [*splits, spec.M], strict=True):
        addresses = [array.ctypes.data for array in (C, A, B, bias, scratch)]
        length = list_length(spec, processor)
        more = [before_a_wall()[1] - 8 * length] if length else []
        call(*addresses, start, stop, *more)
    np.testing.assert_array_equal(scratch[-64:], guard)


def described(A, B, C, **options):
    size = A.itemsize
    strides = [s // size for s in (*A.strides, *B.strides, C.strides[0])]
    return Product(A.shape[0], B.shape[1], A.shape[1], str(A.dtype), *strides, **options)


def compare(random, M, N, K, dtype, a, b, splits, processor=None, **options):
    A, B = operand(random, M, K, dtype, *a), operand(random, K, N, dtype, *b)
    bias = random.standard_normal(N).astype(dtype)
    room = np.full((M, N + 5), np.nan, dtype)
    C = room[:, :N]
    before = random.standard_normal((M, N)).astype(dtype)
    spec = described(A, B, C, **options)
    found = []
    for cut in ([], splits):
        C[...] = before if spec.accumulate else np.nan
        product(A, B, spec, C, bias, cut, processor)
        found.append(C.copy())
        assert np.isnan(room[:, N:]).all()
    np.testing.assert_array_equal(*found)  # the same bits
    start = before if spec.accumulate else bias if spec.bias else np.zeros(())
    exact = A.astype("f8") @ B.astype("f8") + start
    size = np.abs(A).astype("f8") @ np.abs(B).astype("f8") + np.abs(start)
    bound = (K + 4) * np.finfo(dtype).eps * size + 1e-300
    assert (np.abs(found[0] - exact) <= bound).all(), spec


LAYOUTS = st.tuples(st.sampled_from("CF"), st.sampled_from([1, 1, 1, 2]))
SIZES = st.one_of(st.integers(1, 6), st.integers(1, 70))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shape_and_strides(data):
    M, N, K = (data.draw(SIZES) for _ in range(3))
    options = data.draw(
        st.fixed_dictionaries(
            {
                "k_block": st.sampled_from([None, None, 8, 13, 100]),
                "rows": st.sampled_from([None, 1, 7, 25]),
                "listed": st.sampled_from([0, 0, 1, 300]),
            }
        )
    )
    start = data.draw(st.sampled_from(["zero", "bias", "accumulate"]))
    if start != "zero":
        options[start] = True
    splits = sorted(data.draw(st.lists(st.integers(0, M), max_size=4)))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    processor = data.draw(st.sampled_from(processors()))
    layouts = data.draw(LAYOUTS), data.draw(LAYOUTS)
    compare(random, M, N, K, dtype, *layouts, splits, processor, **options)


@pytest.mark.parametrize(
    ("shape", "a", "b"),
    [
        ((40, 50, 784), "C", "C"),
        ((200, 50, 100), "F", "C"),
        ((100, 10, 50), "C", "C"),
        ((100, 50, 10), "C", "F"),
        ((70, 600, 520), "C", "C"),
        ((70, 600, 520), "F", "F"),
        ((60, 1024, 130), "C", "C"),
        ((60, 130, 1024), "C", "F"),
        ((300, 1, 200), "C", "C"),
        ((300, 1, 200), "F", "C"),
        ((300, 3, 100), "F", "F"),
        ((1, 300, 200), "C", "C"),
        ((1, 300, 200), "C", "F"),
    ],
    ids=str,
)
def test_shapes_of_networks(shape, a, b):
    M, N, K = shape
    random = np.random.default_rng(5)
    splits = [M // 3, max(M - 1, M // 3)]
    here, *others = processors()
    bias = {"bias": True, "k_block": 128}
    compare(random, M, N, K, "float32", (a, 1), (b, 1), splits, here)
    for processor in others:
        compare(random, M, N, K, "float32", (a, 1), (b, 1), splits, processor, **bias)
    compare(random, M, N, K, "float64", (a, 1), (b, 1), splits, here, **bias)


def test_every_form_and_copy_is_used():
    specs = [
        Product(100, 50, 784, "float32", 784, 1, 50, 1, 50),
        Product(100, 1, 784, "float32", 784, 1, 1, 1, 1),
        Product(784, 1, 100, "float32", 1, 784, 1, 1, 1),
        Product(256, 1024, 1024, "float32", 1024, 1, 1024, 1, 1024),
    ]
    plans = [plan(spec, NARROW) for spec in specs]
    assert [p.form for p in plans] == ["columns", "dots", "rows", "columns"]
    assert plans[3].pack_a
    assert plans[3].pack_b
    assert not plans[0].pack_b


@pytest.mark.parametrize("shape", [(60, 100, 784), (60, 600, 1024), (3, 5, 4)], ids=str)
def test_packed_once_by_parts_in_any_order(shape):
    M, N, K = shape
    random = np.random.default_rng(2)
    A = random.standard_normal((M, K)).astype("f4")
    for B in (
        random.standard_normal((K, N)).astype("f4"),
        random.standard_normal((N, K)).astype("f4").T,
    ):
        plain, packed, C = np.zeros((M, N), "f4"), np.zeros((M, N), "f4"), np.zeros(N, "f4")
        spec = described(A, B, plain, k_block=300, packed=True)
        module = ir.Module()
        write_packing(module, "packing", spec)
        call = Library(machine_code(str(module))).function(
            "packing", *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2
        )
        copy = np.full(packed_bytes(spec) + 64, 0xFF, np.uint8)
        for part in reversed(range(packed_parts(spec))):
            call(copy.ctypes.data, B.ctypes.data, part, part + 1)
        assert (copy[-64:] == 0xFF).all()
        product(A, copy, spec, packed, C, [M // 2])
        product(A, B, described(A, B, plain, k_block=300), plain, C, [])
        np.testing.assert_array_equal(packed, plain)
        np.testing.assert_allclose(packed, A.astype("f8") @ B, rtol=1e-3, atol=1e-3)


def test_nothing_to_do():
    for M, N, K in ((0, 3, 2), (3, 0, 2), (3, 2, 0)):
        A, B, C = np.ones((M, K)), np.ones((K, N)), np.full((M, N), 7.0)
        bias = np.arange(float(N))
        spec = Product(M, N, K, "float64", max(K, 1), 1, max(N, 1), 1, max(N, 1), bias=True)
        product(A, B, spec, C, bias, [])
        np.testing.assert_array_equal(C, np.broadcast_to(bias, (M, N)))
