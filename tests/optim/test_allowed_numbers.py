"""The numbers of optimisers: those without a meaning are refused, with the line to write."""

import numpy as np
import pytest

from clearprop import optim
from clearprop.errors import OptionError


@pytest.mark.parametrize(
    ("make", "text", "write"),
    [
        (lambda: optim.SGD(np.nan), "SGD: lr is nan.", "lr=0.01"),
        (lambda: optim.SGD(-0.1), "SGD: lr is -0.1.", "lr=0.01"),
        (lambda: optim.Adam(np.inf), "Adam: lr is inf.", "lr=0.01"),
        (lambda: optim.AdaGrad("0.1"), "AdaGrad: lr is '0.1'.", "lr=0.01"),
        (lambda: optim.AdaGrad(True), "AdaGrad: lr is True.", "lr=0.01"),
        (lambda: optim.SGD(optim.Cosine), "SGD: lr is <class", "lr=0.01"),
        (lambda: optim.SGD(0.1, momentum=1), "SGD: momentum is 1.", "momentum=0.9"),
        (lambda: optim.SGD(0.1, momentum=-0.1), "SGD: momentum is -0.1.", "momentum=0.9"),
        (
            lambda: optim.SGD(0.1, nesterov=True),
            "SGD: nesterov is True.",
            "momentum=0.9, nesterov=True",
        ),
        (lambda: optim.RMSprop(alpha=1.0), "RMSprop: alpha is 1.0.", "alpha=0.99"),
        (lambda: optim.RMSprop(eps=-1e-8), "RMSprop: eps is -1e-08.", "eps=1e-08"),
        (lambda: optim.Adam(betas=0.9), "Adam: betas is 0.9.", "betas=(0.9, 0.999)"),
        (lambda: optim.Adam(betas=(0.9, 1)), "Adam: betas is (0.9, 1).", "betas=(0.9, 0.999)"),
        (lambda: optim.AdamW(weight_decay=-1), "AdamW: weight_decay is -1.", "weight_decay=0.01"),
        (lambda: optim.Adam(clip_norm=0), "Adam: clip_norm is 0.", "clip_norm=1.0"),
        (lambda: optim.Adam(clip_value=np.nan), "Adam: clip_value is nan.", "clip_value=1.0"),
    ],
)
def test_numbers_without_a_meaning_are_refused(make, text, write):
    with pytest.raises(OptionError) as caught:
        make()
    assert str(caught.value).startswith(text)
    assert "Where: test_allowed_numbers.py:" in str(caught.value)
    assert str(caught.value).endswith(f"Write instead: {write}")


@pytest.mark.parametrize("lr", [np.float64(0.1), np.float32(0.1), np.array(0.1), 1])
def test_rates_of_numpy_are_python_numbers_and_float32_stays(lr):
    rule, params = optim.SGD(lr, momentum=np.float64(0.9)), np.ones(3, np.float32)
    assert type(rule.lr) is float
    assert rule.update(params, params, rule.init(params))[0].dtype == np.float32
