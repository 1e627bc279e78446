"""Convolutions as machine code: near the exact ones, the same bits for any split of samples."""

import ctypes
import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from processors import processors

from clearprop.compile.machine.convolution import (
    Convolution,
    convolution_scratch_bytes,
    fits,
    pays,
    write_convolution,
)
from clearprop.compile.machine.engine import Library, machine_code
from clearprop.rules.convolution import conv2d, conv2d_W, conv2d_x


@functools.cache
def compiled(spec, processor=None):
    module = ir.Module()
    write_convolution(module, "convolution", spec, processor)
    code = machine_code(str(module), processor)
    pointers = [ctypes.c_void_p] * 4
    return Library(code).function("convolution", *pointers, ctypes.c_int64, ctypes.c_int64)


def run(spec, a, b, shape, parts, processor=None):
    """Run the machine code over ranges of samples; nothing may be read or written outside."""
    call = compiled(spec, processor)
    scratch = np.full(convolution_scratch_bytes(spec, processor) + 64, 0xFF, np.uint8)
    size = int(np.prod(shape))
    room = np.full(size + 32, np.nan, a.dtype)
    beside = np.full(32, np.nan, a.dtype)
    guarded = [np.concatenate([beside, o.ravel(), beside]) for o in (a, b)]
    addresses = [o.ctypes.data + 32 * o.itemsize for o in guarded]
    for start, stop in parts:
        call(room.ctypes.data, *addresses, scratch.ctypes.data, start, stop)
    assert np.isnan(room[size:]).all()
    assert (scratch[-64:] == 0xFF).all()
    return room[:size].reshape(shape)


def options(spec):
    return {
        "stride": spec.stride,
        "padding": spec.padding,
        "dilation": spec.dilation,
        "groups": spec.groups,
    }


def exactly(target, spec, x, W, dy):
    x, W, dy = (np.asarray(o, "f8") for o in (x, W, dy))
    return {
        "y": lambda: conv2d(x, W, **options(spec)),
        "x": lambda: conv2d_x(dy, W, shape=x.shape, **options(spec)),
        "W": lambda: conv2d_W(x, dy, shape=W.shape, **options(spec)),
    }[target]()


def compare(random, spec, samples, cut, processor=None):
    x, W, dy = (
        random.standard_normal(shape).astype(spec.dtype)
        for shape in ((samples, *spec.x), spec.W, (samples, *spec.y))
    )
    a, b, shape = {"y": (x, W, dy.shape), "x": (dy, W, x.shape), "W": (x, dy, W.shape)}[spec.target]
    whole = run(spec, a, b, shape, [(0, samples)], processor)
    count = {
        "y": int(np.prod(spec.W[1:])),
        "x": spec.W[0] // spec.groups * spec.W[2] * spec.W[3],
        "W": samples * spec.y[1] * spec.y[2],
    }[spec.target]
    exact = exactly(spec.target, spec, x, W, dy)
    size = exactly(spec.target, spec, abs(x), abs(W), abs(dy))
    if spec.transformed:  # differences of sums of inputs, as large as the largest of these
        size = 4 * size.max()
    bound = (count + 4) * np.finfo(spec.dtype).eps * size
    assert (np.abs(whole - exact) <= bound).all(), spec
    if spec.target != "W":
        parts = run(spec, a, b, shape, [(cut, samples), (0, cut)], processor)
        np.testing.assert_array_equal(parts, whole)
        return
    first, second = (
        run(spec, a, b, shape, [part], processor) for part in ((0, cut), (cut, samples))
    )
    assert (np.abs(first + second - exact) <= bound).all(), spec
    again = run(spec, a, b, shape, [(0, samples)], processor)
    np.testing.assert_array_equal(again, whole)


@st.composite
def convolutions(draw):
    pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    kernel, dilation = draw(pair(1, 4)), draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3)]))
    padding = draw(pair(0, 3))
    size = [
        draw(st.integers(max(1, (k - 1) * d + 1 - 2 * p), 20))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    C, F = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    return Convolution(
        target=draw(st.sampled_from("yxW")),
        x=(C * groups, *size),
        W=(F * groups, C, *kernel),
        stride=draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (3, 1), (1, 2)])),
        padding=padding,
        dilation=dilation,
        groups=groups,
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_convolution(data):
    spec = data.draw(convolutions())
    samples = data.draw(st.integers(1, 4))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    processor = data.draw(st.sampled_from(processors()))
    compare(random, spec, samples, data.draw(st.integers(0, samples)), processor)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_fewer_multiplications(data):
    padding = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = [data.draw(st.integers(max(1, 3 - 2 * p), 36)) for p in padding]
    C, F = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    spec = Convolution(
        data.draw(st.sampled_from("yxW")),
        (C, *size),
        (F, C, 3, 3),
        padding=padding,
        dtype=dtype,
        transformed=True,
    )
    samples = data.draw(st.integers(1, 4))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    processor = data.draw(st.sampled_from(processors()))
    compare(random, spec, samples, data.draw(st.integers(0, samples)), processor)


def test_where_fewer_multiplications_are_possible():
    assert fits(Convolution("y", (2, 9, 9), (4, 2, 3, 3), transformed=True))
    assert not fits(Convolution("y", (2, 9, 9), (4, 2, 3, 3), stride=(2, 1)))
    assert not fits(Convolution("x", (2, 9, 9), (4, 2, 5, 3)))
    assert pays(Convolution("W", (16, 9, 9), (16, 16, 3, 3)))
    assert not pays(Convolution("W", (1, 9, 9), (16, 1, 3, 3)))


@pytest.mark.parametrize("target", "yxW")
@pytest.mark.parametrize(
    ("x", "W", "padding"),
    [
        ((1, 28, 28), (30, 1, 5, 5), (0, 0)),
        ((1, 28, 28), (16, 1, 3, 3), (1, 1)),
        ((16, 14, 14), (32, 16, 3, 3), (1, 1)),
        ((32, 7, 7), (64, 32, 3, 3), (1, 1)),
        ((3, 9, 130), (5, 3, 3, 3), (1, 1)),
    ],
    ids=str,
)
def test_shapes_of_networks(x, W, padding, target):
    random = np.random.default_rng(3)
    spec = Convolution(target, x, W, padding=padding)
    for processor in processors():
        compare(random, spec, 3, 1, processor)
    if fits(spec):
        compare(random, dataclasses.replace(spec, transformed=True), 6, 1)
