"""What the reports say of every verdict and of every awkward array; no text breaks them."""

from __future__ import annotations

import io
import json
import linecache
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from sample_reports import (
    HOSTILE,
    evidence,
    fault,
    judged,
    large_report,
    small_report,
    write_layers,
)

from clearprop.check.handwritten.model import (
    CORRECT,
    NOT_JUDGED,
    Evidence,
    FileReport,
    Judgement,
    Place,
)
from clearprop.check.reports import words
from clearprop.check.reports.html import to_html
from clearprop.check.reports.json import to_json
from clearprop.check.reports.junit import to_junit
from clearprop.check.reports.matrices import draw_evidence
from clearprop.check.reports.numbers import writer
from clearprop.check.reports.terminal import as_text, print_report
from clearprop.check.reports.windows import windows, wrong_entries
from clearprop.legible import legible


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_layers(tmp_path)
    monkeypatch.chdir(tmp_path)
    return "layers.py"


def printed(report: FileReport, width: int = 80, encoding: str = "utf-8", **more) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(file=file, width=width, no_color=True, color_system=None)
    print_report(report, console, **more)
    file.flush()
    return raw.getvalue().decode(encoding)


def nested(value: object) -> list:
    """All strings in a JSON document."""
    if isinstance(value, dict):
        return [*value, *(s for v in value.values() for s in nested(v))]
    return [s for v in value for s in nested(v)] if isinstance(value, list) else [value]


# ---- the terminal ----------------------------------------------------------------------------


def test_a_fault_on_the_terminal(layers: str) -> None:
    text = printed(small_report(layers))
    start = text.index("    dW: a constant factor")
    assert text[start : text.index("    db:")].rstrip() == (
        """\
    dW: a constant factor  layers.py:14
      dW is half of what it should be: line 14 divides by 2.
        13 │ dx = np.dot(dout, self.W)
      > 14 │ self.dW = np.dot(self.x.T, dout) / 2
        15 │ self.db = np.sum(dout, axis=1)
      expected dW (3, 2)    found dW (3, 2), 5 of 6 wrong (*)
         1.25   0.00           0.62*   0.00
         1.88  -5.00           0.94*  -2.50*
         0.50  14.00           0.25*   7.00*
      with x = [[1.00, 2.00, -1.00], [0.50, -0.25, 3.00]]
           dout = [[1.0, -2.0], [0.5, 4.0]]
      write instead:
        self.dW = np.dot(self.x.T, dout)"""
    )


def test_what_is_not_at_fault_is_a_line_each(layers: str) -> None:
    lines = printed(small_report(layers), 120).splitlines()
    assert lines[-7:] == [
        "  ? Dropout  not judged because its forward draws random numbers and keeps no mask",
        "  ≈ Relu  convention: a subgradient at a kink (dx)",
        "  ✓ Sigmoid  correct  dx",
        "  ✓ MulLayer  correct  dx, dy",
        "  note: softmax is not defined in the file; the prelude's was taken.",
        "",
        "6 backward passes: 2 faults, 1 not judged, 1 convention, 2 correct.",
    ]


def test_verbose_says_more(layers: str) -> None:
    text = printed(small_report(layers), verbose=True)
    assert "Both are subgradients" in " ".join(text.split())
    assert "inputs: x (2, 3)" in text
    assert "without a backward pass: load_mnist" in text
    assert "Both are subgradients" not in " ".join(printed(small_report(layers)).split())


def test_what_was_not_judged_is_not_passed() -> None:
    report = FileReport("a.py", (Judgement("A", "layer", Place("a.py", 1), NOT_JUDGED),))
    assert words.summary([report]) == "1 backward pass: 1 not judged."
    assert "correct" not in printed(report)
    assert "? A  not judged because no reason was given" in printed(report)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_every_width_and_encoding(layers: str, width: int, encoding: str) -> None:
    report = large_report(layers)
    text = printed(report, width, encoding, verbose=True)
    remedies = {line for j in report.judgements for f in j.findings for line in [f.remedy]}
    for line in text.splitlines():
        is_remedy = any(line.strip() and line.strip()[:10] in remedy for remedy in remedies)
        assert cell_len(line) <= width or is_remedy or encoding != "utf-8", line
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "40 backward passes: 17 faults" in " ".join(text.split())


def test_marks_have_a_form_in_plain_letters(layers: str) -> None:
    text = printed(small_report(layers), encoding="ascii")
    assert "  x Affine  fault" in text
    assert "  v Sigmoid  correct" in text
    assert "> 14 | self.dW" in text
    assert "Softmax (\\u53cd" in text


def test_no_colour_codes_in_a_pipe(layers: str) -> None:
    assert "\x1b" not in as_text(large_report(layers))


def test_a_line_to_paste_is_whole_at_every_width(layers: str) -> None:
    remedy = "return self.y * (dout - np.sum(dout * self.y, axis=1, keepdims=True))"
    assert any(line.strip() == remedy for line in printed(small_report(layers), 40).splitlines())


def test_source_that_is_not_there_any_more(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "gone.py"), 7, "    return dout")
    assert words.source_lines(place) == [(7, "    return dout")]
    other = tmp_path / "other.py"
    other.write_text("a\nb\nc\n")
    assert words.source_lines(Place(str(other), 2, "b")) == [(1, "a"), (2, "b"), (3, "c")]
    assert words.source_lines(Place(str(other), 2, "changed")) == [(2, "changed")]
    assert words.source_lines(Place(str(other), 99, "d")) == [(99, "d")]
    assert words.source_lines(Place("\0", 1, "d")) == [(1, "d")]


# ---- numbers and windows ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (1.0, 1.0000003),
        (1e-300, 2e-300),
        (123456.0, 123456.001),
        (1.0, np.nextafter(1.0, 2.0)),
        (0.0, 1e-9),
        (np.nan, np.inf),
        (3.0, -3.0),
    ],
)
def test_a_difference_is_always_visible(right: float, wrong: float) -> None:
    a, b = np.array([right]), np.array([wrong])
    write = writer(np.concatenate([a, b, [2.0]]), (a, b))
    assert write(right) != write(wrong)


@pytest.mark.parametrize(
    ("value", "text"),
    [(14.0, "14"), (0.5, "0.5"), (1 / 3, "0.333"), (1e-9, "1e-09"), (-0.0, "0"), (2e15, "2e+15")],
)
def test_a_number_alone(value: float, text: str) -> None:
    assert writer(np.array([value]))(value) == text


def test_minus_zero_is_zero() -> None:
    write = writer(np.array([-0.00001234, 5.55551111]))
    assert write(-0.00001234) == "0.000"


def test_the_window_goes_where_most_is_wrong() -> None:
    right = np.zeros((5, 2, 30, 40))
    found = right.copy()
    found[3, 1, 20:22, 30] = 1
    found[0, 0, 0, 0] = 1
    (window,) = windows(Evidence("dW", right, found), 6, 6)
    assert window.where == "dW[3, 1, :, :], rows 18 to 23 of 30, columns 27 to 32 of 40"
    assert window.wrong is not None
    assert window.wrong.sum() == 2
    row, column = np.argwhere(window.wrong)[0]
    assert window.index(row, column) == "[3, 1, 20, 30]"


@pytest.mark.parametrize(
    "shape", [(), (1,), (7,), (2, 3), (1, 1, 4, 1), (0,), (0, 3), (2, 0, 3, 3)]
)
def test_windows_of_every_shape(shape: tuple[int, ...]) -> None:
    right = np.ones(shape)
    for found in (None, right * 2, np.ones((2, 2)), np.float64(3.0)):
        for window in windows(Evidence("d", right, found), 4, 4):
            for sheet in (window.expected, window.found):
                assert sheet is None or (sheet.ndim == 2 and max(sheet.shape) <= 4)
        assert draw_evidence(Evidence("d", right, found), 60)


def test_the_mark_is_at_the_wrong_entry() -> None:
    right = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = np.array([[1.0, 2.0], [3.0, 5.0]])
    lines = [line.plain for line in draw_evidence(evidence("dW", right, found), 60)]
    assert lines[1].split() == ["1", "2", "1", "2"]
    assert lines[2].split() == ["3", "4", "3", "5*"]


def test_a_matrix_that_fits_only_alone_is_not_cut() -> None:
    right = np.arange(15.0).reshape(3, 5) / 7
    lines = [line.plain for line in draw_evidence(evidence("dW", right, right * 2), 60)]
    assert lines[0] == "expected dW (3, 5)"
    assert [len(line.split()) for line in lines[1:4]] == [5, 5, 5]
    assert lines[4] == "found dW (3, 5), 14 of 15 wrong (*)"


def test_given_marks_are_kept() -> None:
    given = np.array([True, False])
    shown = Evidence("dx", np.array([1.0, 2.0]), np.array([1.0, 3.0]), given)
    assert wrong_entries(shown) is not None
    assert wrong_entries(shown).tolist() == [True, False]


# ---- JSON ------------------------------------------------------------------------------------


def test_json(layers: str) -> None:
    document = json.loads(to_json(small_report(layers)))
    assert document["schema"] == 1
    assert document["ok"] is False
    assert document["summary"] == {
        "total": 6,
        "fault": 2,
        "not judged": 1,
        "convention": 1,
        "correct": 2,
        "in part": 0,
    }
    (file,) = document["files"]
    affine = file["judgements"][0]
    assert affine["place"] == {
        "file": layers,
        "line": 12,
        "text": "def backward(self, dout):",
    }
    first = affine["findings"][0]
    assert (first["cause"], first["title"]) == ("factor", "a constant factor")
    assert first["evidence"]["expected"] == {
        "shape": [3, 2],
        "dtype": "float64",
        "truncated": False,
        "data": [[1.25, 0.0], [1.875, -5.0], [0.5, 14.0]],
    }
    assert first["evidence"]["wrong_count"] == 5
    assert first["evidence"]["wrong"][0] == {"index": [0, 0], "expected": 1.25, "found": 0.625}


def test_json_of_awkward_arrays(layers: str) -> None:
    text = to_json(large_report(layers))
    document = json.loads(text, parse_constant=pytest.fail)
    shown = {j["name"]: j["findings"] for j in document["files"][0]["judgements"]}
    nan = shown["NotANumber"][0]["evidence"]
    assert nan["found"]["data"] == [[1.0, "NaN"], ["Infinity", "-Infinity"]]
    big = shown["Big"][0]["evidence"]
    assert big["expected"]["truncated"] is True
    assert big["expected"]["shape"] == [200, 300]
    assert len(big["expected"]["data"]) == 2000
    assert big["wrong"][0]["index"] == [120, 250]
    assert shown["Nothing"][0]["evidence"]["found"] is None
    assert shown["WrongShape"][0]["evidence"]["wrong_count"] is None
    assert HOSTILE in nested(document)


# ---- JUnit -----------------------------------------------------------------------------------


def test_junit(layers: str) -> None:
    root = ET.fromstring(to_junit(small_report(layers)))
    assert root.attrib["tests"] == "6"
    assert root.attrib["failures"] == "2"
    assert root.attrib["skipped"] == "1"
    assert root.attrib["errors"] == "0"
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    failure = cases["Affine"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("dW: a constant factor; db: the sum over the batch")
    assert "> 14 │ self.dW = np.dot(self.x.T, dout) / 2" in (failure.text or "")
    skipped = cases["Dropout"].find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == (
        "not judged because its forward draws random numbers and keeps no mask"
    )
    assert [child.tag for child in cases["Relu"]] == ["system-out"]
    assert list(cases["Sigmoid"]) == []


def test_junit_of_a_file_that_could_not_be_loaded() -> None:
    broken = Judgement("a.py", words.FILE_STYLE, Place("a.py", 1), NOT_JUDGED, reason="it loops")
    root = ET.fromstring(to_junit([FileReport("a.py", (broken,)), FileReport("b.py")]))
    assert root.attrib["errors"] == "1"
    assert root.attrib["skipped"] == "1"  # nothing was found in the other


def test_junit_of_hostile_texts(layers: str) -> None:
    text = to_junit(large_report(layers))
    assert not re.search("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]", text)
    names = [case.attrib["name"] for case in ET.fromstring(text).iter("testcase")]
    assert len(names) == 40
    assert legible(HOSTILE) in names


def test_junit_of_a_lone_surrogate() -> None:
    odd = Judgement("a\ud800b\ufffe", "layer", Place("a", 1), CORRECT)
    (case,) = ET.fromstring(to_junit(FileReport("a", (odd,)))).iter("testcase")
    assert case.attrib["name"] == "a\\ud800b\\ufffe"


# ---- HTML ------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page, and its text."""

    EMPTY = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page(layers: str) -> None:
    page = Page(to_html(small_report(layers)))
    for text in (
        "6 backward passes: 2 faults, 1 not judged, 1 convention, 2 correct.",
        "dW is half of what it should be: line 14 divides by 2.",
        "self.dW = np.dot(self.x.T, dout) / 2",
        "not judged because its forward draws random numbers and keeps no mask",
        "a subgradient at a kink (dx)",
        "5 of 6 wrong",
        "softmax is not defined in the file",
    ):
        assert text in page.text
    targets = {a["id"] for _, a in page.tags if "id" in a}
    links = [a["href"] for a in page.all("a")]
    assert len(links) == 7  # one for each judgement, and one over the index
    assert {str(link)[1:] for link in links} <= targets
    assert "[0, 0] 0.62, wrong" in [cell.get("title") for cell in page.all("td")]


def test_a_page_of_several_files_says_which() -> None:
    page = Page(to_html([small_report("home/ann/layers.py"), small_report("home/bob/layers.py")]))
    assert "12 backward passes in 2 files: 4 faults" in page.text
    assert page.text.count("Affine ann/layers.py") == 2  # in the index, and above its faults
    assert page.text.count("Affine bob/layers.py") == 2
    targets = [a["id"] for _, a in page.tags if "id" in a]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize(
    ("files", "short"),
    [
        (["/a/b/c.py", "/a/d.py"], ["b/c.py", "d.py"]),
        (["a.py", "b.py"], ["a.py", "b.py"]),
        (["/a/b.py", "b.py"], ["/a/b.py", "b.py"]),
        (["/ab/c.py", "/ad/c.py"], ["ab/c.py", "ad/c.py"]),
    ],
)
def test_short_names(files: list[str], short: list[str]) -> None:
    assert list(words.short_names(files).values()) == short


def test_the_page_needs_nothing_from_anywhere(layers: str) -> None:
    page = Page(to_html(large_report(layers)))
    for _, attributes in page.tags:
        assert not {"src", "srcset", "style"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("href", "#")).startswith("#")
    assert "url(" not in to_html(large_report(layers))
    assert len(page.all("script")) == 1


def test_hostile_texts_stay_texts(layers: str) -> None:
    text = to_html(large_report(layers))
    assert "<script>alert" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
    page = Page(text)  # every tag is closed, so none was smuggled in
    assert legible(HOSTILE) in page.text
    (policy,) = [a["content"] for a in page.all("meta") if "http-equiv" in a]
    assert "default-src 'none'" in str(policy)
    assert "script-src 'sha256-" in str(policy)


def test_the_scale_is_symmetric_about_zero() -> None:
    place = Place("a.py", 1)
    shown = evidence("dx", [-2.0, 0.0, 1.0], [-2.0, 0.0, 2.0])
    page = Page(
        to_html(
            FileReport("a.py", (judged("A", place, fault("factor", "dx", "", "", place, shown)),))
        )
    )
    cells = [str(cell["class"]) for cell in page.all("td")]
    assert cells == ["n8", "z", "p4", "n8", "z", "p8 wrong", "z", "z", "p8 wrong"]


def test_a_page_of_many_stays_small(layers: str) -> None:
    assert len(to_html(large_report(layers))) < 500_000


def test_an_empty_report_is_a_page_too() -> None:
    assert "No backward pass was found in a.py." in Page(to_html(FileReport("a.py"))).text


def test_code_in_a_sentence_is_set_as_code_and_escaped() -> None:
    found = fault("factor", "dW", "without `a<b` & more", "", Place("a.py", 1), None)
    page = to_html(FileReport("a.py", (judged("A", Place("a.py", 1), found),)))
    assert "without <code>a&lt;b</code> &amp; more" in page


def test_the_key_of_marks_stands_where_something_is_marked() -> None:
    place = Place("a.py", 1)
    shape = fault("shape", "db", "", "", place, evidence("db", np.ones(3), np.ones(4)))
    value = fault("factor", "db", "", "", place, evidence("db", np.ones(3), np.full(3, 2.0)))
    key = 'class="swatch wrong"'
    assert key not in to_html(FileReport("a.py", (judged("A", place, shape),)))
    assert key in to_html(FileReport("a.py", (judged("A", place, value),)))


def test_code_that_has_no_text_has_no_lines() -> None:
    place = Place("<stdin>", 2)
    report = FileReport("", (judged("A", place, fault("sign", "dx", "It is.", "", place, None)),))
    assert "│" not in as_text(report)
    assert as_text(report).startswith("  ✗ A  fault")
    assert '<pre class="source"' not in to_html(report)


def test_what_was_tried_several_times_is_said_once() -> None:
    probes = ("forward, backward", "forward, backward", "a second call of backward")
    judgement = judged("A", Place("a.py", 1), probes=probes)
    assert words.tried(judgement) == [
        "forward, backward (for 2 inputs)",
        "a second call of backward",
    ]


def test_the_fence_of_a_page_is_no_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```python\nx = 1\n```\n")
    assert words.source_lines(Place(str(page), 4, "x = 1")) == [(4, "x = 1")]


def test_the_text_is_a_text_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert as_text(small_report()).endswith("correct.")


def test_a_cell_of_a_notebook_is_named_and_has_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("/tmp/ipykernel_1/2.py", 2, "y = 2 * x")
    text = "x = 1\ny = 2 * x\nz = y\n"
    cell = (len(text), None, text.splitlines(keepends=True), place.file)
    monkeypatch.setitem(linecache.cache, place.file, cell)
    monkeypatch.setattr(words, "cell_of", lambda file: "Cell In[3]" if file == place.file else "")
    report = FileReport("", (judged("A", place, fault("sign", "dx", "It is.", "", place, None)),))
    assert "dx: the sign  Cell In[3], line 2" in as_text(report)
    assert "  1 │ x = 1\n      > 2 │ y = 2 * x\n        3 │ z = y" in as_text(report)
    assert 'aria-label="Cell In[3], line 2"' in to_html(report)
