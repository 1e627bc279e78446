from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from draw.examples import EXAMPLES
from draw.grouped import LSTM, NET, lstm, two_layer_net
from draw.test_layout import check
from draw.test_svg import HOSTILE

import clearprop as cp
from clearprop.draw.ink import printable
from clearprop.draw.local import readable
from clearprop.draw.views import make_views
from clearprop.errors import MissingExtraError, OptionError


def differentiated(name):
    f, args = EXAMPLES[name]
    return cp.trace(f, *args).backward()


def locals_of(d):
    model = make_views(d.graph, d, local=True)[0].model
    return [box.local for box in model.boxes if box.kind == "operation"]


# ---- local derivatives -------------------------------------------------------------------------


def test_the_local_derivatives_of_the_apples():
    assert locals_of(differentiated("apples")) == [
        ("∂/∂apple = number = 2", "∂/∂number = apple = 100"),
        ("∂/∂apple_price = tax = 1.1", "∂/∂tax = apple_price = 200"),
    ]


def test_the_local_derivatives_of_the_square_of_a_sum():
    assert locals_of(differentiated("squared_sum")) == [
        ("∂/∂x = 1", "∂/∂y = 1"),
        ("∂/∂t = 2 t**(2 − 1) = 6",),
    ]


def test_a_derivative_is_what_arrives_times_the_local_derivative():
    f, args = EXAMPLES["sigmoid"]
    d = cp.trace(f, *args).backward()
    product = np.prod([float(line.split(" = ")[-1].replace("−", "-")) for (line,) in locals_of(d)])
    np.testing.assert_allclose(product, d["x"], rtol=1e-5)


def test_of_a_product_of_matrices_the_rule_is_given():
    assert locals_of(differentiated("affine"))[0] == ("to x: ȳ Wᵀ", "to W: xᵀ ȳ")


def test_local_derivatives_need_no_backward_pass_and_are_left_out_unless_asked_for():
    graph = cp.trace(*EXAMPLES["apples"][:1], *EXAMPLES["apples"][1])
    assert "∂/∂apple = number = 2" in graph.to_svg(local=True)
    assert "∂/∂apple" not in graph.to_svg()


def test_a_name_may_hold_anything():
    assert readable(r"\bar y\,x_2", {"x_2": "a_{b}^c"}) == "ȳ a_{b}^c"
    assert readable(r"\frac{\bar y}{\overline{x}}", {}) == ""


@pytest.mark.parametrize("name", EXAMPLES)
def test_local_derivatives_overlap_with_nothing(name):
    d = differentiated(name)
    check(make_views(d.graph, d, local=True)[0].layout)


# ---- DOT and Mermaid ---------------------------------------------------------------------------


def test_the_apples_in_dot():
    text = differentiated("apples").to_dot()
    assert 'b3 [label="(1)\\n×", shape=circle, margin=0.02];' in text
    assert 'b0 -> b3 [label="100\\n← 2.2"];' in text
    assert 'b3 -> b4 [label="apple_price = 200\\n← 1.1"];' in text


def test_the_apples_in_mermaid():
    text = differentiated("apples").to_mermaid()
    assert text.startswith("flowchart LR\n")
    assert '  b3(("#40;1#41;<br/>×"))' in text
    assert '  b3 -->|"apple#95;price #61; 200<br/>← 1.1"| b4' in text


def test_groups_are_clusters_and_subgraphs():
    d = cp.trace(two_layer_net, *NET).backward()
    assert 'label="softmax"' in d.to_dot()
    assert 'subgraph g3["softmax"]' in d.to_mermaid()
    for text in (d.to_dot(), d.to_mermaid()):
        opened = len(re.findall(r"^\s*(subgraph|digraph)\b", text, re.MULTILINE))
        closed = len(re.findall(r"^\s*(\}|end)$", text, re.MULTILINE))
        assert opened == closed


def test_without_gradients_they_say_not_computed():
    graph = cp.trace(*EXAMPLES["apples"][:1], *EXAMPLES["apples"][1])
    assert graph.to_dot().count("← not computed") == 5
    assert graph.to_mermaid().count("← not computed") == 5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_mermaid(name):
    text = cp.trace(lambda d: d[name] * 2, {name: 3.0}).to_mermaid()
    for line in text.splitlines()[1:]:
        inside = re.sub(r"^\s*b\d+ -->|^\s*b\d+", "", line)
        label = re.search(r'"([^"]*)"', inside)
        shell = inside.replace(label[0], "") if label else inside
        assert re.fullmatch(r"[\[\](){}|> ]*(b\d+)?", shell), line
        said = (label[1] if label else "").replace("<br/>", "")
        assert not re.search(r"[<>`;{}]", re.sub(r"#\d+;", "", said)), line


@pytest.mark.parametrize("name", ["$$x$$", "$$$", "fa:fa-user", "fab:fa-x", "a\\nb", "\\n"])
def test_what_mermaid_reads_after_unescaping_is_broken_up(name):
    """Mermaid 11 puts ``#36;`` back first, and then looks for formulas, icons and new lines."""
    text = cp.trace(lambda d: d[name] * 2, {name: 3.0}).to_mermaid()
    read = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)
    assert not re.search(r"\$\$|fa\w?:fa-|\\n", read)
    assert repr(name)[1:-1] in read.replace("\u200b", "")


def test_longer_texts_stand_in_no_circle_in_mermaid():
    text = cp.trace(lambda x: np.sum(x, axis=0) * 2, np.ones((2, 2))).to_mermaid()
    assert re.search(r'b\d+\(\["#40;1#41;<br/>Σ<br/>axis#61;0"\]\)', text)
    assert '(("#40;2#41;<br/>×"))' in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_dot(name):
    text = cp.trace(lambda d: d[name] * 2, {name: 3.0}).to_dot()
    for line in text.splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0, line


@pytest.mark.parametrize("name", [*HOSTILE, "a \\N b", "&lt;"])
def test_graphviz_shows_hostile_names_as_they_are(name):
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed; it is no part of clearprop")
    graph = cp.trace(lambda d: d[name] * 2, {name: 3.0})
    done = subprocess.run(
        ["dot", "-Tsvg"], input=graph.to_dot().encode(), capture_output=True, check=True
    )
    shown = [e.text for e in ElementTree.fromstring(done.stdout).iter() if e.tag.endswith("text")]
    wanted = " ".join(printable(next(iter(graph.inputs))).split())
    assert wanted[:30] in [" ".join((text or "").split())[:30] for text in shown]


def test_they_write_files(tmp_path):
    d = differentiated("apples")
    assert (tmp_path / "a.dot").write_text("") == 0
    assert d.to_dot(tmp_path / "a.dot") == (tmp_path / "a.dot").read_text(encoding="utf-8")
    assert d.to_mermaid(tmp_path / "a.mmd") == (tmp_path / "a.mmd").read_text(encoding="utf-8")


# ---- PNG and PDF -------------------------------------------------------------------------------


def test_what_was_written_into_a_file_does_not_fill_the_prompt_as_well(tmp_path):
    d = cp.trace(lambda x: x * x, 3.0).backward()
    for method in (d.to_svg, d.to_html, d.to_dot, d.to_mermaid):
        text = method(tmp_path / "text")
        assert text == (tmp_path / "text").read_text(encoding="utf-8") == method()
        assert repr(text) == f"<text of {len(text):,} characters, written>"
    content = d.to_png(tmp_path / "picture")
    assert content == (tmp_path / "picture").read_bytes()
    assert repr(content) == f"<{len(content):,} bytes, written>"


def test_the_gradients_of_another_graph_are_refused_and_not_drawn_as_0():
    def f(x):
        return x * 2

    g, other = cp.trace(f, 1.0), cp.trace(f, 5.0).backward()
    for method in (g.to_svg, g.to_html, g.to_dot, g.to_mermaid, g.to_png, g.backward().to_svg):
        for wrong in (other, {"x": 2.0}, 3):
            with pytest.raises(OptionError, match="not those of this graph of f"):
                method(gradients=wrong)
    assert "← 2" in g.to_mermaid(gradients=g.backward())


@pytest.mark.parametrize("scale", [0, -1, 1e6, float("nan")])
def test_the_scale_of_a_png_has_limits(scale):
    with pytest.raises(OptionError, match="The scale of a PNG is"):
        cp.trace(lambda x: x, 1.0).to_png(scale=scale)


def test_a_png_has_the_size_of_the_picture_and_is_not_empty(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra for pictures is not installed")
    from matplotlib.image import imread

    d = differentiated("affine")
    content = d.to_png(tmp_path / "a.png", scale=2)
    pixels = imread(io.BytesIO(content))
    size = re.search(r'width="(\d+)" height="(\d+)"', d.to_svg())
    assert abs(pixels.shape[1] - 2 * int(size[1])) <= 2
    assert abs(pixels.shape[0] - 2 * int(size[2])) <= 2
    assert (tmp_path / "a.png").read_bytes() == content
    colours = {tuple(np.round(255 * c[:3]).astype(int)) for row in pixels[::3] for c in row[::3]}
    assert (255, 255, 255) in colours
    assert (11, 87, 183) in colours  # the blue of the forward arrows
    assert (168, 67, 0) in colours  # the orange of the backward ones


def test_a_pdf_is_the_same_from_run_to_run():
    pytest.importorskip("matplotlib", reason="the extra for pictures is not installed")
    d = differentiated("apples")
    content = d.to_pdf()
    assert content.startswith(b"%PDF-")
    assert content == d.to_pdf()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_drawn(name):
    pytest.importorskip("matplotlib", reason="the extra for pictures is not installed")
    graph = cp.trace(lambda d: d[name + "$x^2$"] * 2, {name + "$x^2$": 3.0})
    assert graph.to_png(scale=0.5).startswith(b"\x89PNG")


def test_a_missing_extra_is_an_error_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'clearprop[pictures]'")):
        differentiated("apples").to_png()


# ---- notebooks ---------------------------------------------------------------------------------


def test_a_notebook_shows_graphs_of_any_size():
    graph = cp.trace(lstm, *LSTM)
    assert graph._repr_svg_().startswith("<svg")
    assert "lstm_cell 5" in graph.backward()._repr_svg_()
