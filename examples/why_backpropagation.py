"""Why backpropagation: two comparisons of the documents, timed and drawn.

Left, the sigmoid as a chain of four layers and as one. Right, the gradient of a two-layer network
by numerical differentiation, which moves every parameter for itself, and by backpropagation.

python examples/why_backpropagation.py [why_backpropagation.png] [--quick]
"""

import argparse
from statistics import median
from time import perf_counter

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import EngFormatter
from threadpoolctl import threadpool_limits

import clearprop as cp
from clearprop import nn

SLOW, FAST = "#a63d00", "#0b57b0"


def seconds(f, *args, times):
    """Median of some runs, after one that warms up."""
    f(*args)
    taken = []
    for _ in range(times):
        start = perf_counter()
        f(*args)
        taken.append(perf_counter() - start)
    return median(taken)


def four_layers(x, dy):
    mul, exp, add, reciprocal = nn.Mul(), nn.Exp(), nn.Add(), nn.Reciprocal()
    reciprocal.forward(add.forward(exp.forward(mul.forward(x, -1.0)), 1.0))
    return mul.backward(exp.backward(add.backward(reciprocal.backward(dy))[0]))[0]


def one_layer(x, dy):
    sigmoid = nn.Sigmoid()
    sigmoid.forward(x)
    return sigmoid.backward(dy)


def time_sigmoids(sizes, times):
    rows = []
    for n in sizes:
        x, dy = np.linspace(-4, 4, n), np.ones(n)
        assert np.allclose(four_layers(x, dy), one_layer(x, dy))
        rows.append([seconds(f, x, dy, times=times) for f in (four_layers, one_layer)])
    return np.array(rows)


def time_networks(hidden, times):
    images, labels = cp.data.mnist().train
    x, t = images[:3, ::2, ::2].reshape(3, 196) / 255, labels[:3]  # every other pixel
    sizes, rows = [], []
    for units in hidden:
        net = nn.TwoLayerNet(196, units, 10)
        sizes.append(sum(p.size for p in net.params.values()))
        numerical = seconds(net.numerical_gradient, x, t, times=times)
        rows.append([numerical, seconds(net.gradient, x, t, times=7 * times)])
    return np.array(sizes), np.array(rows)


def draw(axes, sizes, rows, names, title, horizontal):
    for column, name, colour in zip((0, 1), names, (SLOW, FAST), strict=True):
        axes.loglog(sizes, rows[:, column], "o-", color=colour, markersize=4)
        middle = len(sizes) // 2
        axes.annotate(
            name,
            (sizes[middle], rows[middle, column]),
            (0, 9),
            textcoords="offset points",
            ha="right",
            color=colour,
        )
    slow, fast = rows[-1]
    beside = sizes[-1] * (sizes[-1] / sizes[0]) ** 0.03
    axes.annotate(
        "", (beside, slow), (beside, fast), arrowprops={"arrowstyle": "<->", "color": "0.4"}
    )
    axes.annotate(
        f"{float(f'{slow / fast:.2g}'):,g} times",
        (beside, np.sqrt(slow * fast)),
        (6, 0),
        textcoords="offset points",
        va="center",
    )
    axes.set(title=title, xlabel=horizontal, ylabel="time")
    axes.yaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main(path, quick=False):
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    elements = np.array([10, 100] if quick else [10, 100, 1_000, 10_000, 100_000, 1_000_000])
    hidden, times = ((1, 2), 1) if quick else ((1, 2, 5, 10, 20, 50), 3)
    with threadpool_limits(1):
        sigmoids = time_sigmoids(elements, 1 if quick else 21)
        parameters, networks = time_networks(hidden, times)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    draw(
        left,
        elements,
        sigmoids,
        ("four layers", "one layer"),
        "The sigmoid, forward and backward",
        "elements",
    )
    draw(
        right,
        parameters,
        networks,
        ("numerical differentiation", "backpropagation"),
        "The gradient of a two-layer network for 3 digits",
        "parameters",
    )
    figure.supxlabel("medians of 3 or 21 runs, one thread, float64", fontsize="small", color="0.4")
    figure.savefig(path, dpi=150)
    plt.close(figure)

    for name, sizes, rows in ("elements", elements, sigmoids), ("parameters", parameters, networks):
        for size, (slow, fast) in zip(sizes, rows, strict=True):
            print(f"{size:>9,} {name:10} {1e3 * slow:10.3f} ms {1e3 * fast:10.3f} ms")
    print(f"The picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default="why_backpropagation.png")
    parser.add_argument("--quick", action="store_true", help="small sizes, in a second")
    options = parser.parse_args()
    main(options.path, options.quick)
