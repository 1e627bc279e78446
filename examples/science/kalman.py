"""A Kalman filter: how much noise there is in the track of a point that moves in the plane."""

import numpy as np


def track(steps=1000, dt=0.1, seed=0):
    """Measured places, (steps, 2), of a point whose velocity drifts."""
    rng = np.random.default_rng(seed)
    state = np.array([0.0, 0.0, 1.0, 0.5])  # place, velocity
    places = np.zeros((steps, 2))
    for k in range(steps):
        state[:2] += dt * state[2:]
        state += rng.normal(size=4) * [0.01, 0.01, 0.1, 0.1]
        places[k] = state[:2] + 0.3 * rng.normal(size=2)
    return places


def cost(log_q, log_r, places, dt=0.1):
    """Minus the log-likelihood of the places, with noises of these logarithms."""
    F = np.eye(4)
    F[0, 2] = F[1, 3] = dt
    H = np.eye(2, 4)
    Q, R = np.diag(np.exp(log_q)), np.diag(np.exp(log_r))
    x, P = np.zeros(4), np.eye(4)
    total = 0.0
    for z in places:
        x = F @ x
        P = F @ P @ F.T + Q
        e = z - H @ x
        S = H @ P @ H.T + R
        total += 0.5 * (e @ np.linalg.solve(S, e) + np.linalg.slogdet(S).logabsdet)
        K = np.linalg.solve(S, H @ P).T
        x = x + K @ e
        P = P - K @ H @ P
    return total + len(places) * np.log(2 * np.pi)


def example(steps=1000):
    """Arguments of `cost`."""
    return np.log([1e-3, 1e-3, 1e-1, 1e-1]), np.log([0.1, 0.1]), track(steps)
