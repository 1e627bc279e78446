"""One checkpoint as a file: all of it comes back to the bit, and any other bit is noticed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.errors import DataError, DTypeError, OptionError
from clearprop.train import Checkpoint, checkpoint_file, read_checkpoint
from clearprop.train.checkpoint_file import copied, file_content, record_text

RECORD = {"step": 7, "facts": {}, "model": None, "plan": {}, "made_with": {}}


def content(arrays: Any, facts: Any = None, **record: Any) -> bytes:
    text = record_text({**RECORD, "facts": facts or {}, **record})
    return b"".join(map(bytes, file_content(copied(arrays), text)))


def written(folder: Path, arrays: Any, facts: Any = None, **record: Any) -> Path:
    path = folder / "one.safetensors"
    path.write_bytes(content(arrays, facts, **record))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    arrays = {"W": np.arange(6.0).reshape(2, 3), "n": np.array(3, np.uint64)}
    return written(tmp_path, arrays, {"rate": 0.1})


# ---- round trips --------------------------------------------------------------------------------

DTYPES = st.sampled_from([*checkpoint_file._CODES]).map(np.dtype)
ARRAYS = hnp.arrays(
    DTYPES.flatmap(lambda d: st.sampled_from([d, d.newbyteorder("S")])),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    elements={"allow_subnormal": True},
)
NAMES = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda n: n != "__metadata__")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=10,
)


def same(a: Any, b: Any) -> bool:
    """Equal and of one type, with NaN for NaN and the sign of zeros."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        equal = a == b and math.copysign(1, a) == math.copysign(1, b)
        return equal or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and a == b


@given(st.dictionaries(NAMES, ARRAYS, max_size=5), st.dictionaries(st.text(), JSON))
def test_all_of_it_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Any], facts: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    back = read_checkpoint(written(folder, arrays, facts))
    assert set(back.arrays) == set(arrays)
    for name, array in arrays.items():
        came = back.arrays[name]
        assert came.dtype == array.dtype.newbyteorder("=")
        assert came.shape == array.shape
        assert came.tobytes() == array.astype(came.dtype).tobytes()
        assert came.flags.writeable
    assert same(back.facts, facts)


def test_every_bit_of_floats_comes_back(tmp_path: Path) -> None:
    """Also the signs and payloads of NaN."""
    bits = np.random.default_rng(0).integers(0, 2**64, 1000, dtype=np.uint64)
    bits[:3] = 0x7FF0000000000001, 0xFFF8DEADBEEF0000, 0x8000000000000000
    back = read_checkpoint(written(tmp_path, {"x": bits.view(np.float64)}))
    assert (back.arrays["x"].view(np.uint64) == bits).all()


def test_arrays_of_any_layout(tmp_path: Path) -> None:
    whole = np.arange(60.0).reshape(3, 4, 5)
    mapped = np.memmap(tmp_path / "map", np.int16, "w+", shape=(2, 2))
    mapped[:] = 7
    arrays = {"T": whole.T, "step": whole[::2, ::-1], "map": mapped, "scalar": np.float32(0.1)}
    back = read_checkpoint(written(tmp_path, arrays)).arrays
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, strict=not np.isscalar(array))
    assert back["scalar"].shape == ()
    assert back["scalar"].dtype == np.float32


def test_all_parts_of_the_record(tmp_path: Path) -> None:
    parts = {"model": ["affine", 3], "plan": {"lr": 0.1}, "made_with": {"numpy": "2"}, "step": 12}
    path = written(tmp_path, {}, {"a": None}, **parts)
    assert read_checkpoint(path) == Checkpoint(arrays={}, facts={"a": None}, path=path, **parts)


def test_others_read_its_arrays(small: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save

    W = load_file(small)["W"]
    np.testing.assert_array_equal(W, np.arange(6.0).reshape(2, 3))
    whole = small.read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    arrays = {"W": W, "n": np.array(3, np.uint64)}
    theirs = save(arrays, metadata=header["__metadata__"])
    assert len(theirs) == len(whole)
    assert json.loads(theirs[8 : 8 + int.from_bytes(theirs[:8], "little")]).keys() == header.keys()
    with safe_open(small, framework="numpy") as file:
        assert json.loads(file.metadata()["clearprop.checkpoint"])["step"] == 7


def test_the_checksum_is_what_the_module_says(small: Path) -> None:
    whole = small.read_bytes()
    start = whole.index(b'{\\"sha256\\":\\"') + 14
    zeroed = whole[:start] + b"0" * 64 + whole[start + 64 :]
    assert hashlib.sha256(zeroed).hexdigest().encode() == whole[start : start + 64]


def test_the_same_state_is_the_same_file() -> None:
    arrays = {name: np.arange(3.0) for name in "cab"}
    assert content(arrays) == content(dict(sorted(arrays.items())))


def test_facts_that_look_like_the_checksum(tmp_path: Path) -> None:
    facts = {'{"sha256":"': '{"sha256":"' + "0" * 64, "b": '{\\"sha256\\":\\"' + "1" * 64}
    arrays = {'{"sha256":"' + "0" * 64: np.zeros(2)}
    back = read_checkpoint(written(tmp_path, arrays, facts, model=facts, plan=facts))
    assert (back.facts, list(back.arrays)) == (facts, list(arrays))


# ---- what cannot be saved -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "text"),
    [
        ([1.0, 2.0], "x is a list, and no array. Why: numbers and text of other types are facts"),
        (np.ma.masked_array([1.0], [True]), "x is a MaskedArray, and no array"),
        (np.array(["a"]), "x is an array of <U1"),
        (np.array([None]), "x is an array of object"),
        (np.array([1j]), "x is an array of complex128"),
        (np.zeros(2, "f4,i8"), "x is an array of"),
        (np.array(["2024-01-01"], "datetime64[D]"), "x is an array of datetime64"),
    ],
)
def test_an_array_that_would_not_come_back(array: Any, text: str) -> None:
    with pytest.raises(DTypeError, match=text):
        copied({"x": array})


def test_a_float_of_more_bits() -> None:
    if np.longdouble(0).dtype == np.float64:
        pytest.skip("a longdouble is a float64 here")
    with pytest.raises(DTypeError, match="is an array of float"):
        copied({"x": np.zeros(2, np.longdouble)})


@pytest.mark.parametrize("name", ["__metadata__", "\ud800", 3])
def test_a_name_that_cannot_be_saved(name: Any) -> None:
    with pytest.raises(OptionError, match="no array can be called"):
        copied({name: np.zeros(2)})


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ({"a": [1, {"b": np.zeros(2)}]}, r"facts\['a'\]\[1\]\['b'\] is none of what JSON has"),
        ({1: "x"}, "the name 1 in facts is none of"),
        ({"a": {1, 2}}, r"facts\['a'\] is none of"),
        ({"a": 1j}, r"facts\['a'\] is none of"),
        ({"a": b"x"}, r"facts\['a'\] is none of"),
        ({"a": np.int64(1)}, r"facts\['a'\] is none of"),
        ({"a": LOOP}, "cannot be written as JSON. Why: maximum recursion"),
        ({"a": 10**5000}, "cannot be written as JSON. Why: Exceeds the limit"),
    ],
)
def test_a_fact_that_would_not_come_back(fact: Any, text: str) -> None:
    with pytest.raises(DTypeError, match=text):
        record_text({**RECORD, "facts": fact})


def test_facts_that_are_more_than_safetensors_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_file, "_MOST_HEADER", 1000)
    with pytest.raises(OptionError, match=r"the facts take 2,\d\d\d bytes"):
        content({}, {"a": "x" * 2000})


# ---- damage -------------------------------------------------------------------------------------


def test_a_file_that_ends_anywhere_is_refused(small: Path) -> None:
    whole = small.read_bytes()
    for length in range(len(whole)):
        small.write_bytes(whole[:length])
        with pytest.raises(DataError) as caught:
            read_checkpoint(small)
        if length == 0:
            assert "one.safetensors is empty. Where: " in str(caught.value)
        elif length >= 8:
            of = f"cut off after {length:,} of "
            assert of in str(caught.value)
        if length >= 8 + int.from_bytes(whole[:8], "little"):
            assert f"{length:,} of {len(whole):,} bytes" in str(caught.value)
    small.write_bytes(whole)
    assert read_checkpoint(small).step == 7


@pytest.mark.parametrize("bits", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_a_flip_in_any_byte_is_noticed(small: Path, bits: int) -> None:
    whole = small.read_bytes()
    for at in range(len(whole)):
        for bit in range(bits) if bits > 1 else (at % 8,):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            small.write_bytes(damaged)
            with pytest.raises(DataError, match=r"is (damaged|cut off|no checkpoint)"):
                read_checkpoint(small)


@given(st.randoms(use_true_random=False), st.data())
def test_other_damage_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random, data: Any
) -> None:
    """Pages of zeros, pieces that change places, bytes lost, doubled and put in."""
    path = written(tmp_path_factory.getbasetemp(), {"W": np.random.default_rng(0).random(2000)})
    whole = path.read_bytes()
    a, b, c = sorted(rng.choices(range(len(whole) + 1), k=3))
    damaged = data.draw(
        st.sampled_from(
            [
                whole[:a] + bytes(b - a) + whole[b:],
                whole[:a] + whole[b:c] + whole[a:b] + whole[c:],
                whole[:a] + whole[b:],
                whole[:b] + whole[a:],
                whole[:a] + b"\n" + whole[a:],
                whole + bytes(512),
            ]
        )
    )
    path.write_bytes(damaged)
    if damaged == whole:
        assert read_checkpoint(path).step == 7
    else:
        with pytest.raises(DataError):
            read_checkpoint(path)


def plain_safetensors() -> bytes:
    from safetensors.numpy import save

    return save({"W": np.zeros(3)}, metadata={"clearprop": "{}"})


@pytest.mark.parametrize(
    "garbage",
    [
        b"x",
        b"something else, and long enough to be a file",
        bytes(1000),
        b"\xff" * 1000,
        random.Random(0).randbytes(100_000),
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (6).to_bytes(8, "little") + b'{"a":1',
        (4000).to_bytes(8, "little") + b'{"a":' * 800,
        plain_safetensors(),
    ],
)
def test_what_is_no_checkpoint(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(garbage)
    with pytest.raises(DataError, match=r"is (no checkpoint|cut off)"):
        read_checkpoint(path)


def test_a_folder_a_pipe_and_nothing_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        read_checkpoint(path)
    path.mkdir()
    with pytest.raises(DataError, match="is no file"):
        read_checkpoint(path)
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(DataError, match="is no file"):
            read_checkpoint(path)


# ---- other formats ------------------------------------------------------------------------------


def signed(whole: bytes) -> bytes:
    """Put the right SHA-256 into a file that somebody has edited."""
    start = whole.index(b'{\\"sha256\\":\\"') + 14
    digest = hashlib.sha256(whole[:start] + b"0" * 64 + whole[start + 64 :]).hexdigest()
    return whole[:start] + digest.encode() + whole[start + 64 :]


def test_a_newer_format(small: Path) -> None:
    small.write_bytes(signed(small.read_bytes().replace(b'format\\":1', b'format\\":2')))
    with pytest.raises(DataError) as caught:
        read_checkpoint(small)
    assert str(caught.value) == (
        f"checkpoint: one.safetensors has format 2. Where: '{small}'. Why: it is of a newer "
        "clearprop; this one reads formats up to 1. Write instead: pip install --upgrade clearprop"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'format\\":1', b'formax\\":1'),
        (b'"format\\":1', b'"format\\":{'),
        (b'step\\":7', b'stop\\":7'),
        (b'"F64"', b'"F99"'),
        (b"clearprop.checkpoint", b"clearprop.somethings"),
    ],
)
def test_a_form_that_was_never_written(small: Path, old: bytes, new: bytes) -> None:
    whole = small.read_bytes()
    assert len(old) == len(new)
    assert old in whole
    small.write_bytes(signed(whole.replace(old, new)))
    with pytest.raises(DataError, match="its SHA-256 is right, its form is not"):
        read_checkpoint(small)
