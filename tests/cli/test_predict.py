"""`clearprop predict`: images and tables, what cannot be read, and what is written."""

from __future__ import annotations

import csv
import json
import re
import shutil
import struct
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.conftest import as_idx
from commands import change, refusal, run
from data.test_read_image import clothes
from PIL import Image
from trained import flowers, houses, picture_of, train

from clearprop import data
from clearprop.train import read_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on images, on classes of a table and on numbers of a table, and their data."""
    folder = tmp_path_factory.mktemp("made")
    train(folder / "runs/ink", "--iterations", 300)
    flowers(folder / "flowers.csv"), houses(folder / "houses.csv")
    more = ("--optimizer", "adam", "--iterations", 400, "--batch", 20)
    kinds = ("--model", "affine 8, tanh, affine 2", "--lr", 0.05)
    prices = ("--model", "affine 1", "--lr", 3, "--target", "price")
    train(folder / "runs/flowers", "--data", folder / "flowers.csv", *kinds, *more)
    train(folder / "runs/houses", "--data", folder / "houses.csv", *prices, *more)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(*words: Any) -> dict[str, Any]:
    code, output, errors = run("predict", *words, "--json")
    assert code in (0, 1), errors
    found: dict[str, Any] = json.loads(output)
    return found


# ---- images ---------------------------------------------------------------------------------


def test_images_on_the_screen(here: Path) -> None:
    picture_of(here / "one.png"), picture_of(here / "ring.png", 0)
    code, output, errors = run("predict", "ink", "one.png", "ring.png")
    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert lines[0][:3] == ["image", "prediction", "probability"]
    assert [line[:2] for line in lines[1:]] == [["one.png", "1"], ["ring.png", "0"]]
    assert "\x1b" not in output


def test_the_numbers_are_those_of_the_network(here: Path) -> None:
    picture_of(here / "one.png")
    of = read_run("ink")
    x = data.read_image("one.png", (1, 28, 28))[None]
    scores = of.network().predict(data.scaled(x))
    found = answer("ink", "one.png")
    assert found["run"] == "runs/ink"
    assert found["problems"] == []
    [one] = found["predictions"]
    np.testing.assert_allclose(one["scores"], scores[0], rtol=1e-6)
    raised = np.exp(scores[0].astype(float))
    found_probabilities = list(one["probabilities"].values())
    np.testing.assert_allclose(found_probabilities, raised / raised.sum(), rtol=1e-5)
    assert list(one["probabilities"]) == list("0123456789")
    assert one["prediction"] == str(scores[0].argmax())
    predicted = of.predictor()(x)
    assert predicted.labels == [one["prediction"]]
    assert predicted.likeliest(0, 1) == [(one["prediction"], one["probability"])]


def test_a_folder_a_pattern_and_one_file_twice(here: Path) -> None:
    (here / "scans/inner").mkdir(parents=True)
    for name in ("b.PNG", "a.jpeg", ".hidden.png"):
        picture_of(here / "scans" / name) if name != "b.PNG" else shutil.copy(
            picture_of(here / "x.png"), here / "scans/b.PNG"
        )
    (here / "scans/notes.txt").write_text("no picture")
    names = ["scans/a.jpeg", "scans/b.PNG"]
    assert [p["file"] for p in answer("ink", "scans")["predictions"]] == names
    assert [p["file"] for p in answer("ink", "scans/*.*g", "scans/b.PNG")["predictions"]] == [
        "scans/a.jpeg",
        "scans/b.PNG",
    ]
    assert "no picture in this folder" in refusal("predict", "ink", "scans/inner")


def bomb() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = chunk(b"IHDR", struct.pack(">2I5B", 40_000, 40_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


def test_what_cannot_be_read_is_said_and_the_others_are_predicted(here: Path) -> None:
    good = picture_of(here / "good.png")
    bad = {
        "empty.png": (b"", "the file is empty"),
        "short.png": (good.read_bytes()[:-300], "cannot be decoded"),
        "text.png": (b"a text", "no picture that can be read"),
        "bomb.png": (bomb(), "too many pixels"),
    }
    for name, (content, _) in bad.items():
        (here / name).write_bytes(content)
    Image.new("L", (50, 50), 200).save(here / "blank.png")
    expected = {name: what for name, (_, what) in bad.items()}
    expected |= {"blank.png": "is blank", "none.png": "there is no such file"}
    code, output, errors = run("predict", "ink", *expected, "good.png", "--json")
    found = json.loads(output)
    assert code == 1
    assert [p["file"] for p in found["predictions"]] == ["good.png"]
    told = {problem["file"]: problem["error"] for problem in found["problems"]}
    assert list(told) == list(expected)
    for name, what in expected.items():
        assert what in told[name]
        assert name in told[name]
        assert "read_image" not in told[name]  # that is for programs
    assert errors == "".join(f"error: {text}\n" for text in told.values())
    code, output, _ = run("predict", "ink", "none.png", "good.png")
    assert code == 1
    assert "good.png" in output
    assert run("predict", "ink", "none.png")[:2] == (1, "")


@pytest.mark.parametrize(
    ("name", "change_of"),
    [
        ("cmyk.jpg", lambda p: p.convert("CMYK")),
        ("palette.png", lambda p: p.quantize(6)),
        ("grey.tif", lambda p: Image.fromarray(np.asarray(p.convert("L")).astype(np.uint16) * 257)),
        ("moving.gif", lambda p: p),
        ("inverted.bmp", lambda p: Image.fromarray(255 - np.asarray(p))),
        ("tiny.png", lambda p: p.resize((20, 20))),
        ("huge.webp", lambda p: p.resize((3000, 3000))),
    ],
)
def test_all_kinds_of_pictures(here: Path, name: str, change_of: Any) -> None:
    picture = Image.open(picture_of(here / "ring.png", 0))
    more = {"save_all": True, "append_images": [picture]} if name == "moving.gif" else {}
    change_of(picture).save(here / name, **more)
    assert [p["prediction"] for p in answer("ink", name)["predictions"]] == ["0"]


def test_a_sheet(here: Path) -> None:
    for number in range(5):
        picture_of(here / f"{number}.png", number % 2)
    (here / "5.png").write_text("no picture")
    code, output, _ = run("predict", "ink", *(f"{n}.png" for n in range(6)), "--look", "sheet.png")
    assert code == 1
    assert "Written: sheet.png" in output
    sheet = Image.open(here / "sheet.png").convert("RGB")
    assert sheet.width > 1000  # two columns
    levels = np.asarray(sheet).reshape(-1, 3)
    assert (levels == (240, 230, 140)).all(axis=1).sum() > 5 * 5000  # khaki: as they are
    assert (levels == 0).all(axis=1).sum() > 5 * 5000  # black: as the network sees them
    assert [name for name in here.iterdir() if name.name.startswith(".")] == []


def test_pictures_in_the_letters_of_a_terminal(here: Path) -> None:
    picture_of(here / "one.png")
    _, output, _ = run("predict", "ink", "one.png", "--pictures")
    lines = output.splitlines()
    assert lines[0] == "one.png"
    assert len([line for line in lines if set("▀▄█") & set(line[:28])]) >= 9  # 20 of 28 rows
    assert re.search(r"   1 +[\d.]+ %  █+$", output, re.MULTILINE)
    assert "█" not in run("predict", "ink", "one.png", "--no-pictures")[1]


def test_csv_of_images(here: Path) -> None:
    picture_of(here / "a,b.png")
    _, output, _ = run("predict", "ink", "a,b.png", "--out", "-")
    head, row = csv.reader(output.splitlines())
    assert head == ["file", "prediction", *(f"p_{n}" for n in range(10))]
    assert row[:2] == ["a,b.png", "1"]
    assert sum(map(float, row[2:])) == pytest.approx(1, rel=1e-5)
    run("predict", "ink", "a,b.png", "--out", "out.csv")
    assert (here / "out.csv").read_text() == output


def test_pictures_that_are_only_resized(here: Path) -> None:
    picture_of(here / "one.png")
    as_is, cut_out = (answer("ink", "one.png", *more) for more in (["--as-is"], []))
    x = data.read_image("one.png", (1, 28, 28), as_is=True)[None]
    [row] = read_run("ink").predictor()(x).probabilities
    [one] = as_is["predictions"]
    np.testing.assert_allclose(list(one["probabilities"].values()), row, rtol=1e-5)
    assert as_is != cut_out


def test_a_run_on_images_of_other_channels(here: Path) -> None:
    picture_of(here / "one.png")
    change(here / "runs/ink/config.json", "data", shape=[1, 784])
    assert "a sample of this run has shape (1, 784)" in refusal("predict", "ink", "one.png")


def test_ink_is_as_large_as_in_the_images_of_the_run(here: Path) -> None:
    picture_of(here / "ring.png", 0)
    run("predict", "ink", "ring.png", "--look", "usual.png")
    change(here / "runs/ink/config.json", "data", fill=1.0)
    assert read_run("ink").predictor().fill == 1.0
    run("predict", "ink", "ring.png", "--look", "large.png")
    white = [
        (np.asarray(Image.open(name).convert("RGB")) == 255).all(axis=2)[130:230, 215:380].sum()
        for name in ("usual.png", "large.png")
    ]
    assert white[1] != white[0]
    change(here / "runs/ink/config.json", "data", fill=None, border=None)
    assert answer("ink", "ring.png") == answer("ink", "ring.png", "--as-is")


def test_images_in_colour_are_only_resized(here: Path) -> None:
    rng = np.random.default_rng(0)
    (here / "colours").mkdir()
    for name, count in (("train", 40), ("t10k", 20)):
        t = np.arange(count) % 2
        x = rng.integers(0, 40, (count, 3, 8, 8))
        x[np.arange(count), 2 * t] += 180  # red or blue
        for what, array in (("images-idx4", x), ("labels-idx1", t)):
            (here / f"colours/{name}-{what}-ubyte").write_bytes(as_idx(array))
    train(
        here / "runs/colours",
        "--data",
        here / "colours",
        "--model",
        "affine 2",
        "--lr",
        0.5,
        "--iterations",
        300,
    )
    Image.new("RGB", (50, 30), (20, 20, 200)).save(here / "blue.png")
    Image.new("RGB", (300, 300), (200, 20, 20)).save(here / "red.jpg")
    found = answer("colours", "blue.png", "red.jpg")["predictions"]
    assert [p["prediction"] for p in found] == ["1", "0"]
    code, _, errors = run("predict", "colours", "blue.png", "--pictures", "--look", "s.png")
    assert (code, errors) == (0, "")
    assert "the images of this run are in colour" in refusal(
        "predict", "colours", "blue.png", "--cut"
    )


def folder_of(folder: Path, x: np.ndarray) -> Path:
    """Write images of two classes as IDX files."""
    folder.mkdir()
    for name in ("train", "t10k"):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(as_idx(x[:, 0]))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(as_idx(np.arange(len(x)) % 2))
    return folder


def test_a_run_on_digits_of_ones_own_says_how_pictures_are_taken(here: Path) -> None:
    digits = folder_of(here / "digits", data.mnist(shape="channels").train.x[:60])
    train(here / "runs/own", "--data", digits, "--iterations", 5, "--batch", 10)
    picture_of(here / "one.png")
    _, _, errors = run("predict", "own", "one.png")
    assert errors.startswith("Pictures are taken for digits on paper")
    assert "--as-is only resizes them" in errors
    for option in ("--as-is", "--cut"):
        assert run("predict", "own", "one.png", option)[2] == ""
    assert run("predict", "own", "one.png", "--no-cut")[2].startswith("1 picture is inverted")


def test_a_run_on_images_that_are_no_digits_resizes_and_inverts(here: Path) -> None:
    x = clothes()
    train(here / "runs/own", "--data", folder_of(here / "own", x), "--iterations", 5)
    kept = json.loads((here / "runs/own/config.json").read_text())["data"]
    assert (kept["fill"], kept["border"]) == (None, "dark")
    for name, pixels in (("dark.png", x[0, 0]), ("light.png", 255 - x[0, 0])):
        Image.fromarray(pixels).resize((280, 280), Image.Resampling.NEAREST).save(name)
    dark, light = answer("own", "dark.png", "light.png")["predictions"]
    assert dark["scores"] == pytest.approx(light["scores"], abs=1e-6)
    expected = read_run("own").predictor()(x[:1]).scores[0]
    assert dark["scores"] == pytest.approx(expected.tolist(), abs=0.02)
    assert run("predict", "own", "dark.png")[2] == ""
    told = run("predict", "own", "light.png")[2]
    assert told.startswith("1 picture is inverted: the images of this run are dark at the border")
    assert run("predict", "own", "light.png", "--as-is")[2] == ""


def test_ink_is_cut_out_or_not_as_it_is_asked_for(here: Path) -> None:
    picture_of(here / "one.png", 1)
    usual, whole = answer("ink", "one.png"), answer("ink", "one.png", "--no-cut")
    assert whole != usual
    for border in ("dark", "light", None):  # digits of one's own that are not of one size
        change(here / "runs/ink/config.json", "data", fill=None, border=border)
        x = data.read_image("one.png", (1, 28, 28))
        x = 255 - x if border == "light" else x
        expected = read_run("ink").predictor()(x[None]).scores[0]
        code, output, errors = run("predict", "ink", "one.png", "--cut", "--json")
        assert (code, errors) == (0, "")
        [one] = json.loads(output)["predictions"]
        assert one["scores"] == pytest.approx(expected.tolist(), rel=1e-5)
        assert answer("ink", "one.png", "--no-cut") == answer("ink", "one.png") != usual
    assert "--cut stands beside --as-is" in refusal("predict", "ink", "one.png", "--cut", "--as-is")


# ---- tables ---------------------------------------------------------------------------------


def test_a_table_on_the_screen(here: Path) -> None:
    (here / "new.csv").write_text("width,length\n5,1.5\n1.2,5.5\n")
    code, output, errors = run("predict", "flowers", "new.csv")
    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert lines[0][:3] == ["row", "kind", "probability"]
    assert [line[:2] for line in lines[1:]] == [["1", "wide"], ["2", "long"]]


def test_a_regression_gives_its_numbers(here: Path) -> None:
    (here / "new.csv").write_text("area,rooms\n2,3\n4,1\n")
    found = answer("houses", "new.csv")
    values = [p["prediction"] for p in found["predictions"]]
    predicted = read_run("houses").predictor()(np.array([[2.0, 3.0], [4.0, 1.0]]))
    np.testing.assert_allclose(values, predicted.scores[:, 0], rtol=1e-6)
    assert predicted.probabilities is None
    assert predicted.labels == []
    np.testing.assert_allclose(values, [271, 457], rtol=0.15)
    _, output, _ = run("predict", "houses", "new.csv")
    assert output.splitlines()[0].split() == ["row", "price"]
    run("predict", "houses", "new.csv", "-o", "prices.csv")
    head, *rows = csv.reader((here / "prices.csv").read_text().splitlines())
    assert head == ["row", "price"]
    np.testing.assert_allclose([float(row[1]) for row in rows], values, rtol=1e-6)


def test_with_the_column_of_the_target(here: Path) -> None:
    code, output, errors = run("predict", "flowers", "flowers.csv", "--out", "all.csv")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "60 rows predicted: all.csv",
        "The table has kind as well: 100.00 % are predicted right.",
    ]
    rows = list(csv.DictReader((here / "all.csv").read_text().splitlines()))
    kinds = [line.rpartition(",")[2] for line in (here / "flowers.csv").read_text().split()[1:]]
    assert [row["kind"] for row in rows] == kinds
    assert list(rows[0]) == ["row", "kind", "p_long", "p_wide"]
    assert [row["row"] for row in rows] == [str(number) for number in range(1, 61)]
    found = answer("flowers", "flowers.csv")
    assert (found["unused"], found["accuracy"]) == ([], 1)
    assert "mean absolute error" in answer("houses", "houses.csv")
    (here / "more.csv").write_text("id,width,length\nnew-1,5,1.5\n")
    assert run("predict", "flowers", "more.csv")[2] == "Not used: id.\n"


def test_what_is_predicted_can_be_joined_with_the_rows(here: Path) -> None:
    lines = ["id,width,note,length", 'a-1,5,"x, y",1.5', "a-2,1,,6"]
    (here / "more.csv").write_text("\n".join(lines) + "\n")
    run("predict", "flowers", "more.csv", "--out", "joined.csv")
    rows = list(csv.DictReader((here / "joined.csv").read_text().splitlines()))
    assert list(rows[0]) == ["row", "id", "note", "kind", "p_long", "p_wide"]
    assert [(row["row"], row["id"], row["note"], row["kind"]) for row in rows] == [
        ("1", "a-1", "x, y", "wide"),
        ("2", "a-2", "", "long"),
    ]
    found = answer("flowers", "more.csv")["predictions"]
    assert [p["columns"] for p in found] == [
        {"id": "a-1", "note": "x, y"},
        {"id": "a-2", "note": ""},
    ]
    (here / "own.csv").write_text("row,width,length\nr7,5,1.5\n")
    _, output, _ = run("predict", "flowers", "own.csv", "--out", "-")
    assert output.splitlines()[0] == "row,kind,p_long,p_wide"
    assert output.splitlines()[1].startswith("r7,wide,")


def test_numbers_of_a_column_have_one_form(here: Path) -> None:
    (here / "new.csv").write_text("area,rooms\n2,3\n4,1\n")
    unit = {"kind": "standardized", "mean": [1e6], "std": [3e5], "dtype": "float32"}
    change(here / "runs/houses/config.json", "data", prepare_target=unit)
    _, output, _ = run("predict", "houses", "new.csv")
    for line in output.splitlines()[1:]:
        assert re.fullmatch(r" +\d  +(\d,)?\d{3},\d{3}", line)


def test_what_is_sure_is_written_in_one_way(here: Path) -> None:
    (here / "far.csv").write_text("width,length\n5000,1\n5.2,1\n")
    output = run("predict", "flowers", "far.csv")[1]
    assert "100.0 %" not in output
    assert ">99.9 %" in output


def test_a_long_table_is_shown_in_part(here: Path) -> None:
    _, part, _ = run("predict", "flowers", "flowers.csv")
    table, _, right = part.partition("\n\n")
    assert len(table.splitlines()) == 1 + 20 + 1
    assert table.splitlines()[-1].startswith("…  40 more with --all")
    assert right == "The table has kind as well: 100.00 % are predicted right.\n"
    whole, _, _ = run("predict", "flowers", "flowers.csv", "--all")[1].partition("\n\n")
    assert len(whole.splitlines()) == 61
    assert len(answer("flowers", "flowers.csv")["predictions"]) == 60


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("length,depth\n1,2\n", "the column 'width' is missing"),
        ("a,b\n1,2\n", "the column 'length' is missing, and 1 more"),
        ("1,2\n3,4\n", "the first line has numbers, and no names"),
        ("length,width,length\n1,2,3\n", "two columns are called 'length'"),
        ("length,width\n1,\n", "line 2, column 2 ('width')"),
        ("length,width\n1,2\n3,tall\n", "'tall' is no number. Where: "),
        ("length,width\n1,2\n3\n", "the line has 1 cells"),
        ("length,width\n1,inf\n", "'inf' is not finite"),
        ("length,width\n", "there is a header and no row"),
        ("", "the file is empty"),
    ],
)
def test_tables_that_do_not_fit(here: Path, text: str, what: str) -> None:
    (here / "new.csv").write_text(text)
    told = refusal("predict", "flowers", "new.csv")
    assert what in told
    assert "new.csv" in told
    assert "read_rows(" not in told


# ---- requests -------------------------------------------------------------------------------


def test_requests_that_make_no_sense(here: Path) -> None:
    picture_of(here / "one.png")
    (here / "new.csv").write_text("length,width\n1,2\n")
    assert "there is no run 'inc'" in refusal("predict", "inc", "one.png")
    assert "2 files are given" in refusal("predict", "flowers", "new.csv", "flowers.csv")
    assert "--look is given" in refusal("predict", "flowers", "new.csv", "--look", "s.png")
    for option in ("--cut", "--no-cut"):
        assert f"{option} is given" in refusal("predict", "flowers", "new.csv", option)
    assert "both for the screen" in refusal("predict", "ink", "one.png", "--json", "--out", "-")
    assert "It looks like a picture" in refusal("predict", "flowers", "one.png")
    for option in ("--look", "--out", "--json"):
        name = "one.json" if option == "--json" else "one.png"
        shutil.copy("one.png", "one.json")
        before = Path(name).read_bytes()
        assert "named twice" in refusal("predict", "ink", name, option, name)
        assert Path(name).read_bytes() == before
    told = refusal("predict", "ink", "one.png", "--out", "runs/ink/loss.csv")
    assert "this is a file of a run" in told
    (here / "runs/ink/weights.safetensors").unlink()
    assert "weights.safetensors is not there" in refusal("predict", "ink", "one.png")


@pytest.mark.parametrize(
    ("option", "name"), [("--out", "mine.csv"), ("--json", "mine.json"), ("--look", "mine.png")]
)
def test_a_file_that_exists_is_kept(here: Path, option: str, name: str) -> None:
    picture_of(here / "one.png")
    (here / name).write_text("mine")
    words = ("predict", "ink", "one.png", option, name)
    said = refusal(*words)
    assert said.startswith(f"error: {name}: this file exists.")
    assert "clearprop predict ink … --force" in said
    assert (here / name).read_text() == "mine"
    assert run(*words, "--force")[0] == 0
    assert (here / name).read_bytes() != b"mine"


def test_weights_that_are_not_finite(here: Path) -> None:
    from safetensors.numpy import load_file, save_file

    picture_of(here / "one.png")
    path = here / "runs/ink/weights.safetensors"
    arrays = load_file(path)
    arrays["b2"][:] = np.nan
    save_file(arrays, path)
    assert "weights.safetensors is damaged: its SHA-256" in refusal("predict", "ink", "one.png")
    change(here / "runs/ink/result.json", "", weights_sha256=sha256(path.read_bytes()).hexdigest())
    assert "the network gives [nan" in refusal("predict", "ink", "one.png")


def test_what_the_configuration_says_of_the_data_is_looked_at(here: Path) -> None:
    picture_of(here / "one.png")
    change(here / "runs/ink/config.json", "data", prepare={"kind": "squared"})
    assert "config.json is damaged" in refusal("predict", "ink", "one.png")
