"""The examples in the menu of the playground: those of the documents, each with a sentence."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """A formula to begin with.

    Attributes
    ----------
    title, sentence : str
        What it is called, and what there is to see in it.
    text : str
        The formula.
    values : dict of str to str
        Of its names.
    """

    title: str
    sentence: str
    text: str
    values: dict[str, str]


_X = "[[1, -0.5], [-2, 3]]"
_APPLES = {"apple": "100", "apple_num": "2", "tax": "1.1"}

EXAMPLES: tuple[Example, ...] = (
    Example(
        "Two apples",
        "Two apples at 100 each, with 10 % tax. If an apple cost 1 more, you would pay 2.2 more.",
        "price * count * tax",
        {"price": "100", "count": "2", "tax": "1.1"},
    ),
    Example(
        "Apples and oranges",
        "An addition hands on what comes from above, unchanged; a product multiplies it by the "
        "other factor.",
        "apple_price = apple * apple_num\norange_price = orange * orange_num\n"
        "all_price = apple_price + orange_price\nprice = all_price * tax",
        {**_APPLES, "orange": "150", "orange_num": "3"},
    ),
    Example(
        "The square of a sum",
        "The chain rule: 2t comes back from the square, and times 1 from the sum: 2(x + y).",
        "t = x + y\nz = t**2",
        {"x": "1", "y": "2"},
    ),
    Example(
        "One value, two ways",
        "x is used twice. What comes back along both arrows is added.",
        "a = x * y\nb = sin(x)\nz = a + b",
        {"x": "2", "y": "3"},
    ),
    Example(
        "Sigmoid, step by step",
        "Four small steps, and all they bring back is y(1 - y).",
        "y = 1 / (1 + exp(-x))",
        {"x": "0.5"},
    ),
    Example(
        "ReLU",
        "Where an input is below 0 nothing comes back: the gradient stops there.",
        "y = maximum(x, 0)\nsum(y)",
        {"x": "[1, -0.5, 3, -2]"},
    ),
    Example(
        "Affine layer",
        "Of x @ W + b: the gradient of W is x.T @ dy, and b, which every row uses, gets the sum.",
        "y = x @ W + b\nsum(y)",
        {"x": "[[1, 2], [3, 4], [5, 6]]", "W": "[[1, 0.5], [-0.5, 2]]", "b": "[1, 1]"},
    ),
    Example(
        "Softmax with loss",
        "However many steps there are, what arrives at x is y - t, for one sample.",
        "e = exp(x)\ny = e / sum(e)\nloss = -sum(t * log(y))",
        {"x": "[0.3, 2.9, 4]", "t": "[0, 1, 0]"},
    ),
    Example(
        "Softmax with loss, in one piece",
        "The same fused into one node: nothing overflows, and the rule is y - t at once.",
        "loss = softmax_cross_entropy(x, t)",
        {"x": "[0.3, 2.9, 4]", "t": "[0, 1, 0]"},
    ),
    Example(
        "Batch normalisation",
        "Mean and variance depend on every sample, so every sample gets something back from all.",
        "mu = mean(x, axis=0)\nxc = x - mu\nvar_x = mean(xc**2, axis=0)\n"
        "xn = xc / sqrt(var_x + 1e-7)\ny = gamma * xn + beta\nsum(y * w)",
        {"x": "[[1, 2], [3, 1], [2, 6]]", "gamma": "[1, 1]", "beta": "[0, 0]",
         "w": "[[1, 0], [0, 1], [0, 0]]"},
    ),
    Example(
        "Two layers",
        "A small network: forward through both layers, back to every weight.",
        "h = maximum(x @ W1 + b1, 0)\nscores = h @ W2 + b2\n"
        "loss = mean(softmax_cross_entropy(scores, t))",
        {"x": "[[1, 2], [3, -1]]", "W1": _X, "b1": "[0, 0]", "W2": "[[1, -1], [0.5, 2]]",
         "b2": "[0, 0]", "t": "[[1, 0], [0, 1]]"},
    ),
)  # fmt: skip
