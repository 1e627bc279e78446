"""A Gaussian process: over how far a noisy curve knows itself, from its points alone."""

import numpy as np


def points(count=500, seed=0):
    """Places, (count, 1), and noisy values of a curve there."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 10, count))[:, np.newaxis]
    return x, np.sin(x[:, 0]) + 0.3 * np.sin(5 * x[:, 0]) + 0.1 * rng.normal(size=count)


def cost(log_length, log_height, log_noise, x, y):
    """Minus the logarithm of the likelihood of the values, of a process with these scales."""
    length, height, noise = np.exp(log_length), np.exp(log_height), np.exp(log_noise)
    distance = (x - x.T) / length
    K = height**2 * np.exp(-0.5 * distance**2)
    K[np.diag_indices(len(y))] += noise**2
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L, y)
    return 0.5 * alpha @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * len(y) * np.log(2 * np.pi)


def example(count=500):
    """Arguments of `cost`."""
    return 0.0, 0.0, np.log(0.3), *points(count)
