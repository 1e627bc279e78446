"""The cases of `python -m benchmarks`, one a file; see README.md for what a case has."""

CASES = (
    "two_layer",
    "mlp",
    "four_layers",
    "small_conv",
    "deep_conv",
    "moons",
    "polynomial",
    "tanh_exp",
    "softplus",
)
