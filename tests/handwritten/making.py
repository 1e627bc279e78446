"""How the layers are written down."""

import numpy as np

rng = np.random.default_rng(0)

#: name → source, the arguments of its class (None for a pair of functions), those of its forward
LAYERS = {}


def normal(*shape):
    return rng.normal(size=shape)


def layer(name, arguments, inputs, source):
    LAYERS[name] = (source.strip() + "\n", arguments, inputs)
