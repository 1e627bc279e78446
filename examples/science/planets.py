"""Bodies that attract each other: with which velocities they meet a goal."""

import numpy as np


def paths(places, velocities, masses, steps=500, dt=0.01):
    """Where the bodies are after each step of a leapfrog, (steps, bodies, 2)."""
    found = np.zeros((steps, *np.shape(places)))
    x, v = places, velocities
    for k in range(steps):
        x = x + 0.5 * dt * v
        apart = x[np.newaxis] - x[:, np.newaxis]
        squares = np.sum(apart**2, axis=2) + 1e-4
        v = v + dt * np.sum(masses[:, np.newaxis] * apart / squares[..., np.newaxis] ** 1.5, axis=1)
        x = x + 0.5 * dt * v
        found[k] = x
    return found


def cost(velocities, masses, places, goal, steps=500):
    """How far the last body is from its goal in the end, squared."""
    return np.sum((paths(places, velocities, masses, steps)[-1, -1] - goal) ** 2)


def example(steps=500):
    """Arguments of `cost`: a sun, a planet, and a probe."""
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -1.5]])
    velocities = np.array([[0.0, 0.0], [0.0, 1.0], [0.8, 0.0]])
    return velocities, np.array([1.0, 1e-3, 1e-6]), places, np.array([1.0, 1.0]), steps
