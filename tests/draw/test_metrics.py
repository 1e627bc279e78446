from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.ft2font import FT2Font

from clearprop.draw.metrics import TEXT, text_width


@pytest.mark.parametrize(
    "text",
    [
        "0123456789",
        "-1.23457e-300",
        "[-0.4846, 0.02894, -0.2447]",
        "(128, 784)",
        "0.0351 ± 2.07",
        "apple_price",
        "params['W1']",
        "softmax + CE",
        "axis=1, keepdims=True",
        "minimum",
        "WWW",
        "MAXIMUM",
        "fffffff",
        "illil",
        "– no derivative",
        "0 (no path)",
        "∂ Σ √ ≤ → … − × ÷",
        "3 of 12 not finite",
        "@&%#<>~",
    ],
)
@pytest.mark.parametrize("bold", [False, True])
def test_a_text_is_not_wider_than_estimated_in_a_wide_font(text, bold):
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(Path(mpl.get_data_path()) / "fonts" / "ttf" / name)
    font.set_size(TEXT, 72)
    font.set_text(text, 0.0)
    measured = font.get_width_height()[0] / 64
    assert measured <= text_width(text, bold=bold) + 1
    if len(text) > 5:
        assert text_width(text, bold=bold) <= 1.6 * measured
