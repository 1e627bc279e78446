"""Pictures of digits: drawn here in many ways, and brought into one form; files that are none."""

from __future__ import annotations

import io
import math
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearprop.data import mnist, read_image
from clearprop.data.fill import border_of, fill_of
from clearprop.data.picture import as_seen, is_inverted
from clearprop.errors import (
    ClearpropError,
    DataError,
    MissingExtraError,
    OptionError,
    ShapeError,
)

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
ImageDraw = pytest.importorskip("PIL.ImageDraw", reason="Pillow is not installed")

SHAPE = (1, 28, 28)
Colour = str | tuple[int, ...]
Points = list[tuple[float, float]]
Save = Callable[..., Path]


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Points:
    turns = (math.radians(start + (end - start) * step / 24) for step in range(25))
    return [(cx + rx * math.cos(turn), cy + ry * math.sin(turn)) for turn in turns]


# Strokes of the ten digits, in a square whose side is 1.
DIGITS: list[list[Points]] = [
    [arc(0.5, 0.5, 0.3, 0.48, -90, 270)],
    [[(0.35, 0.2), (0.52, 0.02), (0.5, 0.98)]],
    [[*arc(0.48, 0.28, 0.32, 0.27, -170, 30), (0.2, 0.95), (0.85, 0.93)]],
    [arc(0.45, 0.26, 0.3, 0.25, -150, 90) + arc(0.45, 0.74, 0.33, 0.25, -90, 150)],
    [[(0.6, 0.02), (0.15, 0.62), (0.88, 0.6)], [(0.65, 0.35), (0.6, 0.98)]],
    [[(0.8, 0.04), (0.3, 0.05), (0.25, 0.45), *arc(0.45, 0.68, 0.32, 0.28, -120, 140)]],
    [[(0.7, 0.03), (0.45, 0.2), (0.25, 0.55), *arc(0.5, 0.7, 0.27, 0.27, 180, 540)]],
    [[(0.15, 0.06), (0.85, 0.05), (0.4, 0.98)]],
    [arc(0.5, 0.26, 0.25, 0.24, 90, 450) + arc(0.5, 0.74, 0.3, 0.25, -90, 270)],
    [[*arc(0.5, 0.3, 0.27, 0.27, 0, 360), (0.77, 0.3), (0.7, 0.7), (0.5, 0.98)]],
]


def drawn(
    digit: int,
    *,
    sheet: tuple[int, int] = (200, 200),
    box: tuple[int, int, int, int] = (55, 40, 145, 160),
    pen: float = 11,
    paper: Colour = "white",
    ink: Colour = "black",
    mode: str = "RGB",
) -> Any:
    """A digit, four times as large and then scaled down, so that its edges are smooth."""
    picture = Image.new(mode, (sheet[0] * 4, sheet[1] * 4), paper)
    pencil = ImageDraw.Draw(picture)
    left, top, right, bottom = (4 * side for side in box)
    for stroke in DIGITS[digit]:
        points = [(left + x * (right - left), top + y * (bottom - top)) for x, y in stroke]
        pencil.line(points, fill=ink, width=int(4 * pen), joint="curve")
        for x, y in (points[0], points[-1]):
            end = (x - 2 * pen, y - 2 * pen, x + 2 * pen, y + 2 * pen)
            pencil.ellipse(end, fill=ink)
    return picture.resize(sheet, Image.Resampling.LANCZOS)


def unevenly_lit(digit: int) -> Any:
    levels = np.asarray(drawn(digit, paper=(220, 220, 220), ink=(50, 50, 60)), float)
    light = np.linspace(0.55, 1, 200)[:, None] * np.linspace(0.8, 1, 200)
    noise = np.random.default_rng(digit).normal(0, 6, levels.shape)
    return Image.fromarray((levels * light[..., None] + noise).clip(0, 255).astype(np.uint8))


def ruled(digit: int) -> Any:
    """On the lines of a copybook, which are half as dark as the ink."""
    sheet = drawn(digit, sheet=(300, 300), box=(70, 60, 190, 240), pen=12)
    levels = np.array(sheet)
    for y in range(10, 300, 29):
        levels[y : y + 2] = np.minimum(levels[y : y + 2], (130, 150, 200))
    levels[:, 30:32] = np.minimum(levels[:, 30:32], (230, 120, 120))
    return Image.fromarray(levels)


def lit_in_the_middle(digit: int) -> Any:
    levels = np.asarray(drawn(digit, paper=(235, 230, 220), ink=(60, 60, 80)), float)
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    return Image.fromarray((levels * (1 - 0.22 * (x**2 + y**2))[..., None]).astype(np.uint8))


def on_a_table(digit: int) -> Any:
    """A sheet that lies askew on dark wood."""
    wood = (70, 50, 40)
    sheet = drawn(digit, sheet=(280, 280), box=(80, 60, 200, 220), pen=14).convert("RGB")
    table = Image.new("RGB", (400, 400), wood)
    table.paste(sheet.rotate(5, Image.Resampling.BICUBIC, expand=True, fillcolor=wood), (45, 45))
    return table


def at_dusk(digit: int) -> Any:
    """Dark, darker to one side, with a grain that is half as strong as the ink."""
    drawing = drawn(digit, sheet=(360, 480), box=(198, 228, 318, 396), pen=11, ink=(60, 40, 40))
    levels = np.asarray(drawing.convert("RGB"), float) * np.array([0.7, 0.66, 0.58])
    y, x = np.mgrid[0:1:480j, 0:1:360j]
    noise = np.random.default_rng(digit).normal(0, 14, levels.shape)
    return Image.fromarray(
        (levels * (1 - 0.5 * x - 0.2 * y)[..., None] + noise).clip(0, 255).astype(np.uint8)
    )


def small(digit: int) -> Any:
    sheet = Image.new("RGB", (2500, 1800), "white")
    sheet.paste(drawn(digit, sheet=(60, 60), box=(15, 10, 45, 50), pen=5), (1900, 300))
    return sheet


WAYS: dict[str, Callable[[int], Any]] = {
    "thick pen": lambda d: drawn(d, pen=24),
    "thin pen": lambda d: drawn(d, pen=2),
    "pencil": lambda d: drawn(d, pen=5, paper=(240, 240, 240), ink=(195, 195, 195)),
    "coloured paper": lambda d: drawn(d, paper="khaki", ink="navy"),
    "as light as the paper": lambda d: drawn(d, paper=(60, 160, 60), ink=(200, 60, 40)),
    "light on dark": lambda d: drawn(d, paper=(30, 30, 40), ink=(230, 230, 200)),
    "off centre": lambda d: drawn(d, sheet=(400, 300), box=(320, 10, 380, 90), pen=7),
    "large": lambda d: drawn(d, box=(8, 8, 192, 192), pen=16),
    "small": small,
    "tiny": lambda d: drawn(d, sheet=(14, 14), box=(3, 2, 11, 12), pen=1.5),
    "tiny and thick": lambda d: drawn(d, sheet=(24, 30), box=(8, 6, 18, 24), pen=3.5),
    "uneven light": unevenly_lit,
    "dusk": at_dusk,
    "light in the middle": lit_in_the_middle,
    "lines of a copybook": ruled,
    "a sheet on a table": on_a_table,
    "transparent, dark": lambda d: drawn(d, paper=(0, 0, 0, 0), ink=(0, 0, 0, 255), mode="RGBA"),
    "transparent, light": lambda d: drawn(
        d, paper=(255, 255, 255, 0), ink=(255, 255, 255, 255), mode="RGBA"
    ),
    "grey": lambda d: drawn(d).convert("L"),
    "grey and transparent": lambda d: drawn(d).convert("LA"),
    "two colours": lambda d: drawn(d).convert("1"),
    "palette": lambda d: drawn(d).quantize(8),
    "16 bits": lambda d: Image.fromarray(np.asarray(drawn(d).convert("L")).astype(np.uint16) * 257),
}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(picture: Any, name: str = "digit.png", **options: Any) -> Path:
        path = tmp_path / name
        picture.save(path, **options)
        return path

    return save


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Digits of MNIST, as vectors of length 1, and what they are."""
    x, t = mnist(dtype="float32", shape="flat").train
    x = x[:20_000]
    return x / np.linalg.norm(x, axis=1, keepdims=True), t[:20_000]


def refusal(path: Any, shape: Any = SHAPE, error: type[Exception] = DataError, **more: Any) -> str:
    with pytest.raises(error) as caught:
        read_image(path, shape, **more)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


def assert_as_mnist_is_made(x: np.ndarray) -> None:
    assert x.shape == SHAPE
    assert x.dtype == np.uint8
    assert x.max() == 255
    rows, columns = (np.flatnonzero(x[0].max(axis=axis) > 30) for axis in (1, 0))
    sides = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert max(sides) in (19, 20)
    mass = x[0] / x[0].sum(dtype=float)
    centre = mass.sum(axis=1) @ np.arange(28), mass.sum(axis=0) @ np.arange(28)
    np.testing.assert_allclose(centre, 14, atol=0.55)


# Digits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_ten_digits_look_like_those_of_mnist(
    save: Save, samples: tuple[np.ndarray, np.ndarray], way: str
) -> None:
    x = np.stack([read_image(save(WAYS[way](digit)), SHAPE) for digit in range(10)])
    for image in x:
        assert_as_mnist_is_made(image)
    known, labels = samples
    nearest = (x.reshape(10, -1).astype(np.float32) @ known.T).argsort(axis=1)[:, -5:]
    votes = np.stack([np.bincount(labels[row], minlength=10) for row in nearest])
    right = votes.argmax(axis=1) == np.arange(10)
    assert right.sum() >= 9, votes.argmax(axis=1)


@pytest.mark.parametrize("ending", ["jpg", "gif", "bmp", "tif", "webp", "ppm"])
def test_formats(save: Save, ending: str) -> None:
    options = {"quality": 10} if ending == "jpg" else {}
    for digit in (0, 7):
        plain = read_image(save(drawn(digit)), SHAPE).astype(int)
        other = read_image(save(drawn(digit), f"digit.{ending}", **options), SHAPE)
        assert np.abs(other - plain).mean() < 4


def test_the_ending_of_the_name_says_nothing(save: Save, tmp_path: Path) -> None:
    path = save(drawn(3))
    expected = read_image(path, SHAPE)
    np.testing.assert_array_equal(read_image(path.rename(tmp_path / "digit.jpg"), SHAPE), expected)


def test_mnist_read_back_is_mnist(save: Save) -> None:
    images = mnist().test.x[:40]
    for image in images:
        enlarged = Image.fromarray(255 - image).resize((224, 224), Image.Resampling.BICUBIC)
        x = read_image(save(enlarged), SHAPE)[0]
        shifts = [
            np.corrcoef(np.roll(x, (dy, dx), (0, 1)).ravel(), image.ravel())[0, 1]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        assert max(shifts) > 0.93


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    digit=st.integers(0, 9),
    left=st.integers(15, 250),
    top=st.integers(15, 150),
    paper=st.tuples(*[st.integers(0, 255)] * 3),
    ink=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_neither_place_nor_colours_matter(
    tmp_path: Path, digit: int, left: int, top: int, paper: tuple[int, ...], ink: tuple[int, ...]
) -> None:
    box = (left, top, left + 90, top + 120)
    sheet = (380, 300)
    black = drawn(digit, sheet=sheet, box=box)
    black.save(tmp_path / "black.png")
    mask = np.asarray(black.convert("L")) / 255
    colours = mask[..., None] * paper + (1 - mask[..., None]) * ink
    Image.fromarray(np.rint(colours).astype(np.uint8)).save(tmp_path / "colours.png")
    if max(abs(a - b) for a, b in zip(paper, ink, strict=True)) < 40:
        return
    x, y = (read_image(tmp_path / name, SHAPE) for name in ("black.png", "colours.png"))
    assert np.abs(x.astype(int) - y).mean() < 3


def test_turned_as_a_camera_says(save: Save) -> None:
    upright = read_image(save(drawn(7)), SHAPE)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is on its right
    turned = drawn(7).transpose(Image.Transpose.ROTATE_90)
    path = save(turned, "camera.jpg", exif=exif, quality=95)
    assert np.abs(read_image(path, SHAPE).astype(int) - upright).mean() < 2
    assert np.abs(read_image(save(turned), SHAPE).astype(int) - upright).mean() > 20


def test_paper_with_transparent_corners(save: Save) -> None:
    picture = drawn(5).convert("RGBA")
    levels = np.array(picture)
    levels[:20, :20, 3] = levels[-20:, -20:, 3] = 0
    levels[levels[..., 3] == 0] = 0
    x = read_image(save(Image.fromarray(levels)), SHAPE)
    np.testing.assert_array_equal(x, read_image(save(drawn(5)), SHAPE))


def test_specks_are_passed_over(save: Save) -> None:
    levels = np.array(drawn(4))
    levels[[5, 190, 100], [10, 195, 8]] = 0
    x = read_image(save(Image.fromarray(levels)), SHAPE)
    assert np.abs(x.astype(int) - read_image(save(drawn(4)), SHAPE)).mean() < 1


def test_the_first_picture_of_several(save: Save) -> None:
    path = save(drawn(3), "moving.gif", save_all=True, append_images=[drawn(8)])
    expected = read_image(save(drawn(3), "still.gif"), SHAPE)
    np.testing.assert_array_equal(read_image(path, SHAPE), expected)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 20), (1, 56, 56), (1, 1, 1), (1, 2, 30)])
def test_other_fields(save: Save, shape: tuple[int, int, int]) -> None:
    x = read_image(save(drawn(2)), shape)
    assert x.shape == shape
    assert x.max() == 255
    if min(shape[1:]) > 4:
        rows, columns = (np.flatnonzero(x[0].max(axis=axis) > 30) for axis in (1, 0))
        assert rows[-1] - rows[0] < shape[1] * 20 / 28 + 1
        assert columns[-1] - columns[0] < shape[2] * 20 / 28 + 1


def test_a_single_dot(save: Save) -> None:
    levels = np.full((9, 9), 255, np.uint8)
    levels[2, 6] = 0
    x = read_image(save(Image.fromarray(levels)), SHAPE)
    assert (x > 0).sum() == 400


def test_ink_of_another_size(save: Save) -> None:
    path = save(drawn(3))
    for fill in (0.5, 1.0):
        rows = np.flatnonzero(read_image(path, SHAPE, fill=fill)[0].max(axis=1) > 30)
        assert rows[-1] - rows[0] + 1 in (round(28 * fill) - 1, round(28 * fill))
    for fill in (0, 1.1, float("nan")):
        assert f"fill is {fill}" in refusal(path, error=OptionError, fill=fill)


def test_a_fat_stroke_is_no_sheet(save: Save) -> None:
    fat = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(fat).line([(100, 20), (110, 180)], 0, 70)
    x = read_image(save(fat), SHAPE)
    assert (x[0, 7:21] > 200).sum(axis=1).min() >= 7  # one stroke from top to bottom


def test_how_large_the_ink_of_images_is() -> None:
    x = mnist(shape="channels").train.x[:100]
    assert fill_of(x) == 20 / 28
    wide = np.pad(x, ((0, 0), (0, 0), (4, 4), (4, 4)))
    assert fill_of(wide) == pytest.approx(20 / 36, abs=0.01)
    assert fill_of(255 - x) is None
    assert fill_of(np.zeros((3, 1, 8, 8), np.uint8)) is None


def clothes(count: int = 50) -> np.ndarray:
    """Images like those of clothes: what fills its box, in many sizes, on black."""
    x = np.zeros((count, 1, 28, 28), np.uint8)
    for number, (height, width) in enumerate(np.random.default_rng(0).integers(14, 26, (count, 2))):
        top, left = (28 - height) // 2, (28 - width) // 2
        x[number, 0, top : top + height, left : left + width] = 180
    return x


def test_what_is_no_digit_is_not_cut_out() -> None:
    assert fill_of(clothes()) is None
    full = np.zeros((20, 1, 28, 28), np.uint8)
    full[:, :, 4:24, 4:24] = 200  # of the size of digits, but not of strokes
    assert fill_of(full) is None
    assert (border_of(clothes()), border_of(255 - clothes())) == ("dark", "light")
    assert border_of(np.concatenate([clothes(), 255 - clothes()])) is None
    assert border_of(np.zeros((3, 1, 8, 8), np.uint8)) is None


@pytest.mark.parametrize(("ground", "thing"), [(255, 40), (0, 215)])
def test_a_picture_gets_the_ground_of_the_images(ground: int, thing: int) -> None:
    tall = Image.new("RGB", (100, 200), (ground,) * 3)
    tall.paste((thing,) * 3, (20, 20, 80, 200))
    assert is_inverted(tall, "dark") == (ground == 255)
    assert is_inverted(tall, "light") == (ground == 0)
    assert not is_inverted(tall, None)
    for border, empty, full in (("dark", 0, 215), ("light", 255, 40)):
        x = as_seen(tall, (1, 20, 20), as_is=True, border=border)
        assert x[0, 10, 10] == full
        assert (x[0, :, :5] == empty).all()
        assert (x[0, :, 15:] == empty).all()  # the aspect is kept: half of the field is beside it


# As it is ------------------------------------------------------------------------------------


def test_only_resized(save: Save) -> None:
    halves = np.zeros((40, 80, 3), np.uint8)
    halves[:, :40] = (255, 0, 0)
    halves[:, 40:] = (0, 0, 255)
    path = save(Image.fromarray(halves))
    x = read_image(path, (3, 10, 10), as_is=True)
    assert x.shape == (3, 10, 10)
    assert x.dtype == np.uint8
    assert x.flags.c_contiguous
    assert x[:, 5, 1].tolist() == [255, 0, 0]
    assert x[:, 5, 8].tolist() == [0, 0, 255]
    grey = read_image(path, (1, 40, 80), as_is=True)
    assert grey[0, 0, [0, 79]].tolist() == [76, 29]  # ITU-R 601
    same = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    assert read_image(save(same), (1, 8, 8), as_is=True).ravel().tolist() == list(range(64))
    blank = save(Image.new("L", (5, 5), 200))
    assert read_image(blank, (1, 3, 3), as_is=True).tolist() == [[[200] * 3] * 3]


# What is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (100, 80), "white"),
        Image.new("L", (1, 1), 7),
        Image.new("RGBA", (50, 50), (255, 0, 0, 0)),
        Image.new("1", (30, 30)),
        Image.fromarray(np.random.default_rng(0).normal(200, 3, (60, 60)).astype(np.uint8)),
        Image.fromarray(np.linspace(90, 250, 64 * 64).reshape(64, 64).astype(np.uint8)),
    ],
    ids=["white", "one pixel", "transparent", "black", "noise", "shadow"],
)
def test_blank(save: Save, picture: Any) -> None:
    assert "the picture is blank" in refusal(save(picture))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"this is a text, whatever its name", "begins with the bytes 74 68 69 73"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n", "no picture that can be read"),
    ],
)
def test_no_picture(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    assert what in refusal(path)


def png(width: int, height: int) -> bytes:
    """A PNG file of few bytes that promises many pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.mark.parametrize("sides", [(10_000, 10_000), (40_000, 40_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_of_many_pixels(tmp_path: Path, sides: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*sides))
    tracemalloc.start()
    try:
        text = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "the picture has too many pixels" in text
    assert peak < 1_000_000


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, bytes]]:
    contents = {}
    for ending in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        buffer = io.BytesIO()
        drawn(6, sheet=(60, 60), box=(15, 10, 45, 50), pen=4).save(buffer, ending)
        contents[ending] = buffer.getvalue()
    return contents


SOMEWHERE = st.floats(0, 1, exclude_max=True)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ending=st.sampled_from(["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"]),
    damage=SOMEWHERE | st.lists(st.tuples(SOMEWHERE, st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_pictures_are_refused_or_read(
    tmp_path: Path, files: dict[str, bytes], ending: str, damage: float | list[tuple[float, int]]
) -> None:
    content = bytearray(files[ending])
    if isinstance(damage, float):
        del content[int(damage * len(content)) :]
    else:
        for where, byte in damage:
            content[int(where * min(len(content), 400))] = byte
    path = tmp_path / "damaged.png"
    path.write_bytes(content)
    with suppress(DataError):
        assert read_image(path, SHAPE).shape == SHAPE


@pytest.mark.parametrize("ending", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_picture_that_is_cut_short(tmp_path: Path, files: dict[str, bytes], ending: str) -> None:
    path = tmp_path / "short.png"
    path.write_bytes(files[ending][: len(files[ending]) * 2 // 3])
    refusal(path)


def test_grey_values_that_are_no_numbers(save: Save) -> None:
    levels = np.asarray(drawn(1).convert("L"), np.float32) / 255
    expected = read_image(save(drawn(1)), SHAPE).astype(int)
    x = read_image(save(Image.fromarray(levels), "floats.tif"), SHAPE)
    assert np.abs(x - expected).mean() < 1
    x = read_image(save(Image.fromarray((levels * 1e5).astype(np.int32)), "wide.tif"), SHAPE)
    assert np.abs(x - expected).mean() < 1
    levels[3, 3] = np.nan
    assert "not finite" in refusal(save(Image.fromarray(levels), "floats.tif"))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.png")
    assert "this is a folder" in refusal(tmp_path)
    assert "embedded null" in refusal("a\0b.png")
    with pytest.raises(ClearpropError, match="the path is of type int"):
        read_image(3, SHAPE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "as_is"),
    [
        ((28, 28), False),
        ((3, 28, 28), False),
        ((2, 28, 28), True),
        ((1, 0, 28), False),
        ((1, -5, 28), True),
        ((1, 2.5, 28), False),
        (784, False),
        (None, True),
    ],
)
def test_shapes_of_no_image(save: Save, shape: Any, as_is: bool) -> None:
    text = refusal(save(drawn(1)), shape, ShapeError, as_is=as_is)
    assert f"shape is {shape!r}" in text


def test_without_pillow(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(drawn(1))

    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'PIL'", name="PIL")

    monkeypatch.setattr("importlib.import_module", missing)
    assert "pip install 'clearprop[train]'" in refusal(path, SHAPE, MissingExtraError)
