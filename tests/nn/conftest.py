"""What the tests of the layers share: one example of every layer, and numerical derivatives."""

import numpy as np
import pytest
from layer_examples import examples

EXAMPLES = examples(np.float64)
NAMES = list(EXAMPLES)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def example(name):
    return examples(np.float64)[name]


@pytest.fixture(params=[name for name in NAMES if not EXAMPLES[name].layer.whole_inputs])
def of_floats(request):
    """One example of every layer whose inputs have a derivative."""
    return examples(np.float64)[request.param]


@pytest.fixture
def single_precision(name):
    return examples(np.float32)[name]


def _slope(f, x, h=1e-3):
    """Differentiate a scalar function by central differences of fourth order."""
    x = np.array(x, dtype=float)
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept, values = x[i], []
        for step in (-2, -1, 1, 2):
            x[i] = kept + step * h
            values.append(f(x))
        x[i] = kept
        g[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return g


@pytest.fixture(params=[name for name in NAMES if EXAMPLES[name].layer.parameters])
def trained(request):
    """One example of every layer that has parameters."""
    return examples(np.float64)[request.param]


@pytest.fixture
def slope():
    return _slope
