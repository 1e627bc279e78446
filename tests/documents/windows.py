"""The two functions that document 004 calls and does not have."""

import numpy as np


def im2col(x, height, width, stride, pad):
    """Give the windows of images as rows."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(np.prod(windows.shape[:3]), -1)


def col2im(col, shape, height, width, stride, pad):
    """Add rows up where their elements came from: the transpose of `im2col`."""
    places = np.arange(1, np.prod(shape) + 1).reshape(shape)
    places = im2col(places, height, width, stride, pad)
    return np.bincount(places.ravel(), col.ravel(), np.prod(shape) + 1)[1:].reshape(shape)
