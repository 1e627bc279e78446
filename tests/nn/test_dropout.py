"""Dropout: both variants, and masks that depend on the seed and the number of the call alone."""

import numpy as np
import pytest

from clearprop import errors, nn
from clearprop.errors import DTypeError

ONES = np.ones((100, 100))


def test_inverted_scales_in_training_and_does_nothing_in_inference():
    layer = nn.Dropout(0.2)
    y = layer.forward(ONES)
    assert set(np.unique(y)) == {0.0, 1.25}
    assert abs(np.mean(y == 0) - 0.2) < 0.02
    np.testing.assert_array_equal(layer.forward(ONES, train=False), ONES)
    np.testing.assert_array_equal(layer.backward(3 * ONES), 3 * ONES)


def test_the_other_variant_scales_in_inference():
    layer = nn.Dropout(0.25, inverted=False)
    assert set(np.unique(layer.forward(ONES))) == {0.0, 1.0}
    np.testing.assert_array_equal(layer.forward(ONES, train=False), 0.75 * ONES)
    np.testing.assert_array_equal(layer.backward(ONES), 0.75 * ONES)


@pytest.mark.parametrize("inverted", [True, False])
def test_backward_uses_the_mask_of_its_forward(inverted):
    layer = nn.Dropout(0.5, inverted=inverted)
    y = layer.forward(ONES)
    np.testing.assert_array_equal(layer.backward(ONES), y)
    np.testing.assert_array_equal(layer.backward(ONES), y)


def test_the_same_seed_gives_the_same_run_and_each_call_another_mask():
    a, b, c = nn.Dropout(seed=1), nn.Dropout(seed=1), nn.Dropout(seed=2)
    first, second = a.forward(ONES), a.forward(ONES)
    np.testing.assert_array_equal(first, b.forward(ONES))
    np.testing.assert_array_equal(second, b.forward(ONES))
    assert (first != second).any()
    assert (first != c.forward(ONES)).any()


def test_inference_does_not_count():
    a, b = nn.Dropout(seed=1), nn.Dropout(seed=1)
    a.forward(ONES, train=False)
    np.testing.assert_array_equal(a.forward(ONES), b.forward(ONES))


def test_a_run_goes_on_where_its_key_says():
    a, b = nn.Dropout(seed=1), nn.Dropout(seed=1)
    a.forward(ONES)
    b.key = a.key
    np.testing.assert_array_equal(a.forward(ONES), b.forward(ONES))


def test_layers_with_one_seed_draw_different_masks_in_a_network():
    net = nn.Sequential(nn.Dropout(), nn.Dropout())
    y = net.forward(ONES)
    assert abs(np.mean(y != 0) - 0.25) < 0.02
    assert set(np.unique(y)) == {0.0, 4.0}


def test_what_is_dropped_is_zero_even_if_it_was_nan():
    y = nn.Dropout(0.5).forward(np.full(1000, np.nan))
    assert 0 < np.mean(y == 0) < 1


@pytest.mark.parametrize("ratio", [1.0, -0.1, np.nan, "half"])
def test_a_ratio_out_of_range_is_named(ratio):
    with pytest.raises(errors.OptionError) as caught:
        nn.Dropout(ratio)
    assert str(caught.value).startswith(f"Dropout: ratio is {ratio!r}. Where: test_dropout.py:")
    assert "from 0 up to, but not including, 1. Write instead: ratio=0.5" in str(caught.value)


def test_a_wrong_seed_is_named():
    with pytest.raises(DTypeError, match=r"Dropout: seed is 0\.5\. .*Dropout\(0\.5, seed=0\)"):
        nn.Dropout(seed=0.5)
    with pytest.raises(errors.OptionError, match=r"Dropout: seed is -1\. .*from 0 to 2\*\*64 - 1"):
        nn.Dropout(seed=-1)
