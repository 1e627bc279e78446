"""Augmentation: what it does to samples, that it does so in training alone, and its gradients."""

import numpy as np
import pytest
from cut_finely import cut_finely

import clearprop as cp
from clearprop import errors, nn
from clearprop.compile.grouping import Call
from clearprop.rules.random import keep_mask, uniform

IMAGES = np.random.default_rng(0).normal(size=(200, 2, 6, 5))
LAYERS = [
    nn.RandomShift((2, 1), seed=4),
    nn.RandomCrop((4, 3), (1, 2), seed=4),
    nn.RandomFlip(seed=4),
    nn.Noise(0.5, seed=4),
]
each = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)


def fresh(layer):
    """The same layer, before its first call."""
    other = type(layer).__new__(type(layer))
    vars(other).update(vars(layer), key=np.array([4, 0], np.uint64))
    return other


# ---- the numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (7,), (3, 5)])
def test_uniform_numbers_are_those_of_numpys_generator(dtype, shape):
    key = np.array([2**64 - 1, 7], np.uint64)
    u = uniform(key, shape=shape, dtype=np.dtype(dtype))
    expected = np.random.Generator(np.random.Philox(key=key)).random(shape, dtype)
    assert u.dtype == dtype
    np.testing.assert_array_equal(u, expected)


def test_a_mask_and_uniform_numbers_are_of_the_same_words():
    key = np.array([3, 4], np.uint64)
    u = uniform(key, shape=(1000,), dtype=np.dtype("float32"))
    np.testing.assert_array_equal(u >= 0.25, keep_mask(key, shape=(1000,), rate=0.25))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_the_same_interpreted_written_out_and_compiled(dtype):
    def f(x, key):
        return x * uniform(key + key, shape=(50, 3), dtype=np.dtype(dtype))

    args = np.ones((50, 3), dtype), np.array([1, 2], np.uint64)
    expected = f(*args)
    module = {}
    exec(cp.source(f, *args), module)
    np.testing.assert_array_equal(module["forward"](*args)[0], expected)
    with cut_finely():
        for threads in (1, 2, 3):
            cp.set_threads(threads)
            h = cp.compile(f)
            np.testing.assert_array_equal(h(*args), expected)
            assert calls(h) == []


@pytest.fixture(autouse=True)
def _threads():
    yield
    cp.set_threads(None)


def calls(h):
    """The NumPy calls in what was compiled last."""
    return [part for phase in h._last.plan.phases for part in phase if isinstance(part, Call)]


# ---- what they do ------------------------------------------------------------------------------


def test_an_image_is_shifted_by_whole_pixels_and_zeros_come_in():
    y = nn.RandomShift((2, 1), seed=4).forward(IMAGES)
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (2, 2), (1, 1)))
    met = np.zeros((5, 3), int)
    for image, around in zip(y, padded, strict=True):
        places = [
            (a, b)
            for a in range(5)
            for b in range(3)
            if np.array_equal(image, around[:, a : a + 6, b : b + 5])
        ]
        assert len(places) == 1
        met[places[0]] += 1
    assert met.min() > 3  # of 200, 13 are expected at each place
    assert met.max() < 30


def test_a_crop_is_a_part_of_the_image_and_in_prediction_the_middle():
    layer = nn.RandomCrop((4, 3), seed=1)
    for image, given in zip(layer.forward(IMAGES), IMAGES, strict=True):
        parts = [given[:, a : a + 4, b : b + 3] for a in range(3) for b in range(3)]
        assert sum(np.array_equal(image, part) for part in parts) == 1
    np.testing.assert_array_equal(layer.forward(IMAGES, train=False), IMAGES[:, :, 1:5, 1:4])
    wide = nn.RandomCrop((8, 5), (1, 0)).forward(IMAGES, train=False)
    np.testing.assert_array_equal(wide, np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (0, 0))))


def test_a_crop_of_the_whole_padded_image_is_a_shift():
    crop, shift = nn.RandomCrop((6, 5), 2, seed=9), nn.RandomShift(2, seed=9)
    np.testing.assert_array_equal(crop.forward(IMAGES), shift.forward(IMAGES))


def test_half_of_the_images_are_turned():
    y = nn.RandomFlip(seed=1).forward(IMAGES)
    turned = [np.array_equal(a, b[..., ::-1]) for a, b in zip(y, IMAGES, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(y, IMAGES, strict=True)]
    assert np.array_equal(turned, np.logical_not(same))
    assert 80 < sum(turned) < 120


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_noise_is_normal(dtype):
    y = nn.Noise(0.5, seed=2).forward(np.zeros((400, 250), dtype))
    assert y.dtype == dtype
    z = np.sort(np.ravel(y).astype(float) / 0.5)
    assert abs(np.mean(z)) < 0.01
    assert abs(np.std(z) - 1) < 0.01
    assert abs(np.mean(z**4) - 3) < 0.1
    quantiles = np.interp([0.1587, 0.0228, 0.9772], np.linspace(0, 1, z.size), z)
    np.testing.assert_allclose(quantiles, [-1, -2, 2], atol=0.03)
    assert abs(np.corrcoef(np.ravel(y)[:-1], np.ravel(y)[1:])[0, 1]) < 0.01


def test_noise_on_one_number():
    assert np.shape(nn.Noise(1.0).forward(2.0)) == ()


def test_nothing_is_moved_or_added_by_0():
    for layer in (nn.RandomShift(0), nn.RandomCrop((6, 5)), nn.Noise(0.0)):
        np.testing.assert_array_equal(layer.forward(IMAGES), IMAGES)


@each
def test_what_is_drawn_does_not_depend_on_the_dtype(layer):
    narrow = fresh(layer).forward(IMAGES.astype(np.float32))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, fresh(layer).forward(IMAGES), rtol=1e-5, atol=1e-5)


# ---- when they do it ---------------------------------------------------------------------------


@each
def test_in_prediction_nothing_happens_and_nothing_is_counted(layer):
    layer = fresh(layer)
    y = layer.forward(IMAGES, train=False)
    if not isinstance(layer, nn.RandomCrop):
        np.testing.assert_array_equal(y, IMAGES)
    assert layer.key.tolist() == [4, 0]
    layer.forward(IMAGES)
    assert layer.key.tolist() == [4, 1]


@each
def test_the_same_seed_gives_the_same_run_and_each_call_other_numbers(layer):
    a, b = fresh(layer), fresh(layer)
    first, second = a.forward(IMAGES), a.forward(IMAGES)
    np.testing.assert_array_equal(first, b.forward(IMAGES))
    assert (first != second).any()
    b.key = np.array([4, 1], np.uint64)
    np.testing.assert_array_equal(second, b.forward(IMAGES))
    b.key = np.array([5, 0], np.uint64)
    assert (first != b.forward(IMAGES)).any()


def test_layers_with_one_seed_draw_different_numbers_in_a_network():
    ones = np.ones((500, 1, 1, 3)) * [1.0, 0.0, 2.0]
    net = nn.Sequential(nn.RandomFlip(seed=3), nn.RandomFlip(seed=3))
    turned = net.forward(ones)[:, 0, 0, 0] == 2
    assert 0.4 < np.mean(turned) < 0.6  # with the same numbers it would be 0


# ---- gradients -----------------------------------------------------------------------------------


@each
def test_backward_is_the_transpose_of_what_forward_did(layer):
    layer = fresh(layer)
    x = IMAGES[:20]
    y, zero = layer.forward(x), fresh(layer).forward(np.zeros_like(x))
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = layer.backward(dy)
    np.testing.assert_allclose(np.sum(dx * x), np.sum(dy * (y - zero)), rtol=1e-12)


def network(dtype="float64"):
    """Layers that augment, in front of a network, behind each other, and inside of it."""
    return nn.Sequential(
        nn.RandomShift(1, seed=1),
        nn.RandomFlip(seed=1),
        nn.Conv2d.initial(2, 3, 3, seed=0, dtype=dtype),
        nn.RandomShift((1, 0), seed=1),
        nn.RandomFlip(seed=2),
        nn.Noise(0.3, seed=1),
        nn.Tanh(),
        nn.RandomCrop(3, (1, 0), seed=1),
        nn.Affine.initial(27, 3, seed=1, dtype=dtype),
        nn.Noise(0.1, seed=1),
        loss=nn.SoftmaxWithLoss(),
    )


def test_the_gradient_through_them_is_the_numerical_one():
    net, x, t = network(), IMAGES[:4], np.array([0, 2, 1, 1])
    params = {name: p + 0.2 for name, p in net.params.items()}
    report = cp.check(lambda p, x: net.loss(x, t, params=p, train=True), params, x)
    assert report.ok, str(report)


def test_the_numerical_gradient_of_a_network_in_float32_is_with_the_same_numbers():
    net, x, t = network("float32"), IMAGES[:4].astype(np.float32), np.array([0, 2, 1, 1])
    numerical = net.numerical_gradient(x, t)
    for name, gradient in net.gradient(x, t).items():
        np.testing.assert_allclose(gradient, numerical[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_they_are_machine_code_and_the_same_on_any_threads(dtype):
    net, t = network(dtype), np.eye(3, dtype=dtype)[np.arange(200) % 3]

    def step(x, params, keys):
        def loss(x, params):
            y, seen = net.compute(x, *params, *keys, train=True)
            return net.last_layer.compute(y, t=t), net.advance(keys, seen)

        return cp.value_and_grad(loss, (0, 1), has_aux=True)(x, params)

    args = IMAGES.astype(dtype), net.arrays(net.parameters), net.arrays(net.buffers)
    expected = [np.asarray(leaf) for leaf in leaves(step(*args))]
    found = []
    with cut_finely():
        for threads in (1, 2, 3):
            cp.set_threads(threads)
            h = cp.compile(step)
            found.append([np.asarray(leaf) for leaf in leaves(h(*args))])
            assert calls(h) == []
    for a, b, c, e in zip(*found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        rtol, atol = (1e-10, 1e-13) if dtype == "float64" else (1e-3, 1e-6)
        np.testing.assert_allclose(a.astype(float), e.astype(float), rtol=rtol, atol=atol)


def leaves(tree):
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple) else [tree]


@pytest.mark.parametrize("layer", LAYERS[:3], ids=lambda layer: type(layer).__name__)
def test_moved_pixels_are_the_same_to_the_bit_compiled(layer):
    key = np.array([4, 2], np.uint64)

    def f(x, key):
        return layer.compute(x, key, train=True)[0]

    with cut_finely():
        h = cp.compile(f)
        np.testing.assert_array_equal(h(IMAGES, key), f(IMAGES, key))
    assert calls(h) == []


# ---- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS[:3], ids=lambda layer: type(layer).__name__)
def test_rows_of_features_are_no_images(layer):
    name = type(layer).__name__
    for train in (True, False):
        with pytest.raises(errors.ShapeError, match=rf"{name}: x has shape \(3, 4\)\. .*four axes"):
            layer.forward(np.zeros((3, 4)), train=train)


def test_what_is_larger_than_the_image_is_named():
    for train in (True, False):
        with pytest.raises(errors.ShapeError) as caught:
            nn.RandomCrop(9, 1).forward(IMAGES, train=train)
        text = str(caught.value)
        assert text.startswith("RandomCrop: size is 9×9 pixels, the image with its padding has 8×7")
        assert "padding=2, or a smaller size." in text
    assert nn.RandomCrop(9, 2).forward(IMAGES).shape == (200, 2, 9, 9)


def test_options_out_of_range_are_named():
    with pytest.raises(errors.ShapeError, match=r"RandomShift: pixels is -1\."):
        nn.RandomShift(-1)
    with pytest.raises(errors.DTypeError, match=r"RandomShift: pixels is 0\.5\."):
        nn.RandomShift(0.5)
    with pytest.raises(errors.ShapeError, match=r"RandomCrop: size is 0\."):
        nn.RandomCrop(0)
    for std in (-0.1, np.nan, np.inf, "much"):
        with pytest.raises(errors.OptionError, match=rf"Noise: std is {std!r}\."):
            nn.Noise(std)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda seed: nn.RandomShift(2, seed=seed), "RandomShift(2, seed=0)"),
        (lambda seed: nn.RandomFlip(seed=seed), "RandomFlip(seed=0)"),
        (lambda seed: nn.RandomCrop(28, 2, seed=seed), "RandomCrop(28, padding=2, seed=0)"),
        (lambda seed: nn.Noise(0.1, seed=seed), "Noise(0.1, seed=0)"),
    ],
)
def test_a_wrong_seed_is_named(make, text):
    for seed, error in ((0.5, errors.DTypeError), (-1, errors.OptionError)):
        with pytest.raises(error) as caught:
            make(seed)
        name = text.partition("(")[0]
        assert str(caught.value).startswith(f"{name}: seed is {seed}. Where: test_augmentation.py:")
        assert str(caught.value).endswith(f"Write instead: {text}")


def test_names_from_elsewhere_lead_here():
    for name, here in (
        ("RandomHorizontalFlip", "RandomFlip"),
        ("GaussianNoise", "Noise"),
        ("RandomTranslation", "RandomShift"),
    ):
        with pytest.raises(AttributeError, match=rf"{name}.*Here it is nn\.{here}\."):
            getattr(nn, name)
