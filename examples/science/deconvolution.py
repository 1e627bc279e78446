"""Deconvolution: the sharp image behind a blurred one, and the width of the blur."""

import numpy as np


def blur(image, width):
    """Convolve an image, which goes on at the other edge, with a Gaussian of this width."""
    rows, columns = (np.fft.fftfreq(n)[:, np.newaxis] for n in image.shape)
    filtered = np.exp(-2 * (np.pi * width) ** 2 * (rows**2 + columns.T**2))
    return np.real(np.fft.ifft2(np.fft.fft2(image) * filtered))


def blurred(size=64, width=1.5, seed=0):
    """A cross and a disc, blurred, with noise: (size, size)."""
    rng = np.random.default_rng(seed)
    i, j = np.indices((size, size)) / size
    sharp = ((i - 0.35) ** 2 + (j - 0.35) ** 2 < 0.03) * 1.0
    sharp[(abs(i - 0.7) < 0.05) & (abs(j - 0.65) < 0.2)] = 1
    sharp[(abs(j - 0.65) < 0.05) & (abs(i - 0.7) < 0.2)] = 1
    return blur(sharp, width) + 0.01 * rng.normal(size=sharp.shape)


def cost(image, width, seen, smooth=1e-3):
    """How far the image, once blurred, is from what was seen; and how rough it is."""
    error = blur(image, width) - seen
    steps = np.diff(image, axis=0)[:, :-1] ** 2 + np.diff(image, axis=1)[:-1] ** 2
    return np.sum(error**2) + smooth * np.sum(np.sqrt(steps + 1e-6))


def example(size=64):
    """Arguments of `cost`."""
    seen = blurred(size)
    return seen, 1.0, seen
