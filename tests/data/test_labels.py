"""Labels: every accepted form gives the same rows, and every wrong one is named and corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.data import as_class_indices, as_one_hot, one_hot
from clearprop.errors import DTypeError, LabelError, LostGradientError, ShapeError


def refusal(function: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(LabelError) as caught:
        function(*args, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{options.get('caller', function.__name__)}: ")
    assert "Why: " in text
    assert "Write instead: " in text
    return text


# What is right -------------------------------------------------------------------------------

NUMBER_TYPES = [
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]


@settings(deadline=None)
@given(
    classes=st.integers(1, 12),
    samples=st.one_of(st.none(), st.integers(0, 6)),
    number_type=st.sampled_from(NUMBER_TYPES),
    float_type=st.sampled_from([np.float16, np.float32, np.float64]),
    data=st.data(),
)
def test_every_form_agrees(
    classes: int, samples: int | None, number_type: str, float_type: Any, data: st.DataObject
) -> None:
    lead = () if samples is None else (samples,)
    count = 1 if samples is None else samples
    numbers = data.draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    t = np.array(numbers, number_type).reshape(lead)
    shape = (*lead, classes)
    expected = np.zeros(shape)
    for index in np.ndindex(lead):
        expected[(*index, int(t[index]))] = 1

    rows = [one_hot(t, classes, dtype=float_type)]
    rows += [as_one_hot(form, shape, float_type) for form in (t, t.tolist(), expected)]
    rows += [as_one_hot(expected.astype(kind), shape, float_type) for kind in (bool, number_type)]
    for row in rows:
        assert row.dtype == float_type
        assert row.shape == shape
        np.testing.assert_array_equal(row, expected)
    for form in (t, expected, expected.astype(number_type), expected == 1):
        indices = as_class_indices(form, shape)
        assert indices.dtype == np.int64
        assert indices.shape == lead
        np.testing.assert_array_equal(indices, t)
    np.testing.assert_array_equal(as_class_indices(t, classes), t)
    if samples is not None:
        np.testing.assert_array_equal(as_class_indices(expected, classes), t)


def test_shape_of_the_scores_decides() -> None:
    t = [0, 1, 0]
    assert as_class_indices(t, (3, 3)).tolist() == [0, 1, 0]
    assert as_class_indices(t, (3,)).tolist() == 1
    assert as_one_hot(t, (3, 3)).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert as_one_hot(t, (3,)).tolist() == [0, 1, 0]


def test_more_axes() -> None:
    t = np.array([[2, 0], [1, 1]])
    np.testing.assert_array_equal(as_one_hot(t, (2, 2, 3)), np.eye(3)[t])
    np.testing.assert_array_equal(one_hot(t, 3), np.eye(3)[t])
    np.testing.assert_array_equal(as_class_indices(np.eye(3)[t], (2, 2, 3)), t)


def test_booleans_are_two_classes() -> None:
    assert one_hot([True, False], 2).tolist() == [[0, 1], [1, 0]]


def test_result_is_new_and_input_unchanged() -> None:
    rows, indices = np.eye(3), np.arange(3)
    for result in (as_one_hot(rows, (3, 3)), as_class_indices(indices, (3, 3))):
        result[...] = 7
    np.testing.assert_array_equal(rows, np.eye(3))
    np.testing.assert_array_equal(indices, np.arange(3))


def test_read_only_and_strided_labels() -> None:
    rows = np.asfortranarray(np.eye(6))[::2, ::2]
    rows.flags.writeable = False
    np.testing.assert_array_equal(as_one_hot(rows, (3, 3)), np.eye(3))
    assert as_class_indices(rows, (3, 3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_probabilities(kind: Any) -> None:
    scores = np.random.default_rng(0).standard_normal((50, 300))
    rows = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(
        as_one_hot(rows.astype(kind), rows.shape, kind), rows.astype(kind)
    )


def test_sum_of_probabilities_has_a_tolerance() -> None:
    as_one_hot([0.5, 0.5009], (2,))
    as_one_hot([0.5, 0.4991], (2,))
    refusal(as_one_hot, [0.5, 0.5011], (2,))
    refusal(as_one_hot, [0.5, 0.4989], (2,))


# What is wrong: values -----------------------------------------------------------------------

FUNCTIONS = [
    pytest.param(lambda t, caller: as_one_hot(t, (len(t), 3), caller=caller), id="as_one_hot"),
    pytest.param(
        lambda t, caller: as_class_indices(t, (len(t), 3), caller=caller), id="as_class_indices"
    ),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("t", "what", "write"),
    [
        ([0, 1.5, 2.5], "t[1] is 1.5", "np.rint(t).astype(np.int64)"),
        ([0, 1, 2, 1e-30], "t[3] is 1e-30", "np.rint"),
        ([0, np.nan, 0.5], "t[1] is nan", "np.isfinite(t)"),
        ([0, 0.5, np.inf], "t[2] is inf", "np.isfinite(t)"),
        ([0, -1, 5], "t[1] is -1", "keep = t >= 0"),
        ([0, -1.0, 5], "t[1] is -1.0", "keep = t >= 0"),
        ([0, 3, 1], "t[1] is 3", "4 classes, or labels below 3"),
        ([1, 3, 1], "t[1] is 3", "t - 1, if these labels count from 1"),
        ([0, 1e300], "t[1] is 1e+300", "labels below 3"),
        (np.array([0, 200], np.uint8), "t[1] is 200", "201 classes"),
        (np.array([0, 2**64 - 1], np.uint64), "t[1] is 18446744073709551615", "labels below 3"),
        (np.array([0, -128], np.int8), "t[1] is -128", "keep"),
        (np.array([0, 9], np.float16), "t[1] is 9.0", "10 classes"),
    ],
)
def test_wrong_class_numbers(function: Any, t: Any, what: str, write: str) -> None:
    text = refusal(function, t, caller="SoftmaxWithLoss")
    assert f"SoftmaxWithLoss: {what}." in text
    assert write in text


def test_reasons_name_the_range() -> None:
    assert "it is negative, and the 3 classes count from 0 to 2" in refusal(one_hot, [-1], 3)
    assert "out of range: the 3 classes count from 0 to 2" in refusal(one_hot, [3], 3)
    assert "a whole number from 0 to 2, not a fraction" in refusal(one_hot, [0.5], 3)


def test_position_in_other_shapes() -> None:
    assert "one_hot: labels[1, 0] is 4." in refusal(one_hot, [[0, 1], [4, 9]], 3)
    assert "one_hot: labels is 4." in refusal(one_hot, 4, 3)
    assert "as_one_hot: t is 0.5." in refusal(as_one_hot, 0.5, (3,))


def test_many_classes_beside_float16() -> None:
    assert one_hot(np.array([5], np.float16), 100_000).argmax() == 5


@pytest.mark.parametrize(
    ("t", "what", "write"),
    [
        ([[1, 0], [0.4, 0.2]], "the sum of the row t[1] is 0.6", "t / t.sum(axis=-1, keepdims"),
        ([[0, 0], [0, 1]], "the sum of the row t[0] is 0.0", "t / t.sum("),
        ([[1, 1], [0, 1]], "the sum of the row t[0] is 2.0", "t / t.sum("),
        ([[1e308, 1e308], [0, 1]], "the sum of the row t[0] is inf", "t / t.sum("),
        ([[0, 1], [1.5, -0.5]], "t[1, 1] is -0.5", "a squared loss"),
        ([[0, 1], [-1, 2]], "t[1, 0] is -1", "a squared loss"),
        ([[0, 1], [np.nan, 1]], "t[1, 0] is nan", "np.isfinite(t).all(axis=-1)"),
        ([[0, 1], [np.inf, 1]], "t[1, 0] is inf", "np.isfinite(t).all(axis=-1)"),
        ([[0, 1], [-np.inf, np.inf]], "t[1, 0] is -inf", "np.isfinite(t).all(axis=-1)"),
    ],
)
def test_wrong_rows(t: Any, what: str, write: str) -> None:
    text = refusal(as_one_hot, t, (2, 2))
    assert f"as_one_hot: {what}." in text
    assert write in text
    refusal(as_class_indices, t, (2, 2))


def test_wrong_row_of_a_single_sample() -> None:
    assert "the sum of the row t is 0.5" in refusal(as_one_hot, [0.5, 0], (2,))
    assert "t[1] is -1" in refusal(as_one_hot, [2, -1], (2,))
    assert "t is [2, 0], which is not one-hot" in refusal(as_class_indices, [2, 0], (2,))


@pytest.mark.parametrize("row", [[0.5, 0.5], [0, 0], [1, 1], [2, -1], [1, np.nan], [1, 1e-9]])
def test_rows_that_name_no_class(row: list[float]) -> None:
    text = refusal(as_class_indices, [[0, 1], row], (2, 2))
    assert "as_class_indices: t[1] is [" in text
    assert "not one-hot" in text
    assert "np.argmax(t, axis=-1)" in text


def test_a_long_row_is_shown_short() -> None:
    assert len(refusal(as_class_indices, np.zeros((1, 1000)), (1, 1000))) < 400


# What is wrong: shapes and types -------------------------------------------------------------


@pytest.mark.parametrize("function", [as_one_hot, as_class_indices])
@pytest.mark.parametrize(
    ("t", "scores", "write"),
    [
        ((4, 1), (4, 10), "np.reshape(t, (4,))"),
        ((1, 4), (4, 10), "np.reshape(t, (4,))"),
        ((1,), (10,), "np.reshape(t, ())"),
        ((), (1, 10), "np.reshape(t, (1,))"),
        ((10, 4), (4, 10), "t.T"),
        ((10,), (1, 10), "np.reshape(t, (1, 10))"),
        ((1, 10), (10,), "np.reshape(t, (10,))"),
        ((4, 5), (4, 10), "a last layer of 5 outputs, or labels of 10 classes"),
        ((60,), (4, 10), "x[i:j] with t[i:j], as many labels as samples"),
        ((60, 10), (4, 10), "x[i:j] with t[i:j]"),
        ((0,), (4, 10), "x[i:j] with t[i:j]"),
        ((2, 2, 2), (4, 10), "x[i:j] with t[i:j]"),
    ],
)
def test_wrong_shape(function: Any, t: Any, scores: Any, write: str) -> None:
    text = refusal(function, np.zeros(t, int), scores)
    assert f"t has shape {t}, the scores have shape {scores}" in text
    assert f"class numbers of shape {scores[:-1]} or rows of shape {scores}" in text
    assert f"Write instead: {write}" in text


@pytest.mark.parametrize("function", [as_one_hot, as_class_indices])
@pytest.mark.parametrize("scores", [(), (4, 0)])
def test_scores_without_classes(function: Any, scores: Any) -> None:
    with pytest.raises(ShapeError, match=r"the scores have shape .* one score a class"):
        function(np.zeros(scores[:-1], int), scores)


@pytest.mark.parametrize(
    "t",
    [["cat", "dog"], [None, 1], [1j, 0j], [b"3", b"4"], [2**70, 0], np.array(["2020"], "M8[Y]")],
)
def test_what_is_no_number(t: Any) -> None:
    text = refusal(one_hot, t, 3)
    assert "dtype" in text
    assert "np.unique(labels, return_inverse=True)" in text
    refusal(as_one_hot, t, (2, 3))
    refusal(as_class_indices, t, (2, 3))


def test_the_correction_for_names_works() -> None:
    names, labels = np.unique(["dog", "cat", "dog"], return_inverse=True)
    assert one_hot(labels, len(names)).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_ragged_rows() -> None:
    assert "rows have different lengths" in refusal(as_one_hot, [[1, 0], [1]], (2, 2))


def test_a_traced_value_explains_itself() -> None:
    class Traced:
        def __array__(self, *_: Any, **__: Any) -> None:
            raise LostGradientError("a traced value has no numbers yet.")

    with pytest.raises(LostGradientError, match="a traced value"):
        one_hot(Traced(), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [0, -3, 2.5, None, "3", [3]])
def test_wrong_number_of_classes(classes: Any) -> None:
    assert f"the number of classes is {classes!r}" in refusal(one_hot, [0], classes)
    if classes is not None:
        assert f"the number of classes is {classes!r}" in refusal(as_class_indices, [0], classes)


@pytest.mark.parametrize("dtype", [np.int64, "uint8", bool, complex, object, "no such type"])
def test_wrong_dtype(dtype: Any) -> None:
    with pytest.raises(DTypeError, match=r"one_hot: dtype is .* floats.*dtype=np.float32"):
        one_hot([0], 3, dtype=dtype)
    with pytest.raises(DTypeError, match=r"Affine: dtype is"):
        as_one_hot([0], (1, 3), dtype, caller="Affine")
