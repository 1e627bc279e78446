"""Hodgkin and Huxley's neuron: how its spikes depend on its channels.

A. L. Hodgkin, A. F. Huxley, A quantitative description of membrane current and its application to
conduction and excitation in nerve, Journal of Physiology 117 (1952); voltages as they are written
today, -65 mV at rest.
"""

import numpy as np


def voltage(g_na, g_k, g_leak, current=10.0, steps=2000, dt=0.01):
    """The voltage in mV, (steps,), of a membrane with these conductances in mS/cm², every dt ms."""
    V = np.zeros(steps)
    V[0], m, h, n = -65.0, 0.053, 0.596, 0.318
    for k in range(steps - 1):
        v = V[k]
        a_m = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10))
        a_h = 0.07 * np.exp(-(v + 65) / 20)
        a_n = 0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10))
        b_m = 4 * np.exp(-(v + 65) / 18)
        b_h = 1 / (1 + np.exp(-(v + 35) / 10))
        b_n = 0.125 * np.exp(-(v + 65) / 80)
        ions = g_na * m**3 * h * (v - 50) + g_k * n**4 * (v + 77) + g_leak * (v + 54.4)
        V[k + 1] = v + dt * (current - ions)
        m = m + dt * (a_m * (1 - m) - b_m * m)
        h = h + dt * (a_h * (1 - h) - b_h * h)
        n = n + dt * (a_n * (1 - n) - b_n * n)
    return V


def cost(g_na, g_k, g_leak, seen):
    """How far the voltages are from those that were seen, in mV², on the mean."""
    return np.mean((voltage(g_na, g_k, g_leak, steps=len(seen)) - seen) ** 2)


def example(steps=2000):
    """Arguments of `cost`."""
    return 115.0, 35.0, 0.32, voltage(120.0, 36.0, 0.3, steps=steps)
