"""Max pooling as machine code: NumPy's maxima and winners, NaN included, and their gradient."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from processors import processors

from clearprop.compile.machine.engine import Library, machine_code
from clearprop.compile.machine.pooling import (
    MaxPool,
    winners_bytes,
    write_max_pool,
    write_max_pool_back,
)


def compiled(spec, processor):
    module = ir.Module()
    write_max_pool(module, "forward", spec, processor)
    write_max_pool_back(module, "backward", spec, processor)
    library = Library(machine_code(str(module), processor))
    kinds = [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 2
    return library.function("forward", *kinds), library.function("backward", *kinds)


def guarded(shape, dtype):
    room = np.full(int(np.prod(shape)) + 20, 7, dtype)
    return room[:-20].reshape(shape), room[-20:]


def compare(random, spec, processor, images, numbers):
    forward, backward = compiled(spec, processor)
    (h, w), (rows, columns) = spec.window, spec.y
    x = random.choice(numbers, (images, spec.height, spec.width)).astype(spec.dtype)
    dy = random.standard_normal((images, rows, columns)).astype(spec.dtype)
    y, y_after = guarded(dy.shape, spec.dtype)
    dx, dx_after = guarded(x.shape, spec.dtype)
    winners, winners_after = guarded((images, winners_bytes(spec, processor)), "u1")
    for start, stop in ((images // 2, images), (0, images // 2)):
        forward(y.ctypes.data, winners.ctypes.data, x.ctypes.data, start, stop)
        backward(dx.ctypes.data, dy.ctypes.data, winners.ctypes.data, start, stop)
    for after in (y_after, dx_after, winners_after):
        assert (after == 7).all()
    whole = x[:, : rows * h, : columns * w].reshape(images, rows, h, columns, w)
    windows = whole.swapaxes(2, 3).reshape(images, rows, columns, h * w)
    first = windows.argmax(-1)[..., None]
    np.testing.assert_array_equal(y, np.take_along_axis(windows, first, -1)[..., 0])
    spread = np.zeros_like(windows)
    np.put_along_axis(spread, first, dy[..., None], -1)
    exact = np.zeros_like(x)
    spread = spread.reshape(images, rows, columns, h, w).swapaxes(2, 3)
    exact[:, : rows * h, : columns * w] = spread.reshape(images, rows * h, columns * w)
    np.testing.assert_array_equal(dx, exact)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_window(data):
    window = data.draw(st.sampled_from([(2, 2), (2, 2), (3, 2), (2, 3), (1, 1), (2, 1)]))
    height, width = (data.draw(st.integers(size, 45)) for size in window)
    spec = MaxPool(height, width, window, data.draw(st.sampled_from(["float32", "float64"])))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    numbers = data.draw(st.sampled_from([[0, 1, 2, -np.inf], [0, 1, np.nan], [-np.inf, -0.0, 0]]))
    compare(random, spec, data.draw(st.sampled_from(processors())), 3, numbers)


@pytest.mark.parametrize("size", [28, 24, 14, 7])
def test_images_of_networks(size):
    random = np.random.default_rng(1)
    for processor in processors():
        compare(random, MaxPool(size, size), processor, 5, random.standard_normal(50))
