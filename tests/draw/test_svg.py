from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from draw.examples import EXAMPLES
from draw.random_graphs import programs, run
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.draw.metrics import SMALL, TEXT, text_width

SVG = "{http://www.w3.org/2000/svg}"


def picture(name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    return graph.backward().to_svg()


def texts(source):
    return [element.text for element in ElementTree.fromstring(source).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_well_formed_and_says_what_it_is(name):
    root = ElementTree.fromstring(picture(name))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == f"Graph of {EXAMPLES[name][0].__name__}"
    assert root[1].tag == f"{SVG}desc"
    assert "(1)" in root[1].text


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_text_is_clipped(name):
    root = ElementTree.fromstring(picture(name))
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        look = (text.get("class") or "").split()
        room = text_width(text.text, SMALL if "small" in look else TEXT, "name" in look)
        x, y = float(text.get("x")) + 16, float(text.get("y")) + 16
        left = x - room * (1 if "end" in look else 0 if "start" in look else 0.5)
        assert left >= 0
        assert left + room <= width
        assert 10 <= y <= height - 3


def test_the_numbers_of_the_apples_stand_above_and_below_their_lines():
    root = ElementTree.fromstring(picture("apples"))
    found = []
    for group in root.iter(f"{SVG}g"):
        line = group.find(f"{SVG}path[@class='line']")
        if line is None or group.find(f"{SVG}title") is None:
            continue
        height = float(re.match(r"M\S+ (\S+?)H", line.get("d"))[1])
        above = [t.text for t in group.iter(f"{SVG}text") if float(t.get("y")) < height]
        below = [t.text for t in group.iter(f"{SVG}text") if float(t.get("y")) > height]
        back = group.find(f".//{SVG}path[@class='back']").get("d")
        assert float(re.match(r"M\S+ (\S+?)H", back)[1]) > height
        found.append((above, below))
    assert found == [
        (["100"], ["2.2"]),
        (["2"], ["110"]),
        (["200", "apple_price"], ["1.1"]),
        (["1.1"], ["200"]),
        (["220", "price"], ["1"]),
    ]


def test_steps_are_numbered_forward():
    assert [t for t in texts(picture("apples_and_oranges")) if re.fullmatch(r"\(\d\)", t)] == [
        "(1)",
        "(2)",
        "(3)",
        "(4)",
    ]


def test_without_gradients_it_says_not_computed_and_never_0():
    f, args = EXAMPLES["apples"]
    source = cp.trace(f, *args).to_svg()
    assert "derivatives: not computed" in texts(source)
    assert "0" not in texts(source)
    assert 'class="back"' not in source
    assert 'class="derivative"' not in source
    assert "Derivatives are not computed." in source


def test_a_derivative_that_is_0_is_not_the_same_as_none():
    assert "0 (no path)" in texts(picture("dead_ends"))
    assert "– no derivative" in texts(picture("relu"))
    graph = cp.trace(lambda x: x * 0.0, 2.0)
    assert texts(graph.backward().to_svg()).count("0") == 3  # constant, result, derivative


def test_a_function_that_records_nothing_has_a_picture_that_says_so():
    assert texts(cp.trace(lambda: 3).to_svg())[0].startswith("Nothing was recorded")


HOSTILE = [
    "<script>alert(1)</script>",
    "]]>",
    "\"><!-- & &amp; ' --",
    "a\x00b\x1b\ud800\ufffe",
    "</svg><svg onload='x'>",
    "línea ∂ 值 😀",
    "\n\t ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name):
    def f(d):
        return d[name] * 2

    f.__name__ = name
    graph = cp.trace(f, {name: 3.0})
    source = graph.backward().to_svg()
    root = ElementTree.fromstring(source)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "g",
        "path",
        "text",
        "circle",
    }
    assert not any(key.startswith("on") for element in root.iter() for key in element.attrib)
    source.encode()


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_name_makes_a_well_formed_picture(name):
    graph = cp.trace(lambda d: d[name] * 2, {name: 3.0})
    ElementTree.fromstring(graph.backward().to_svg())


@settings(deadline=None)
@given(programs())
def test_random_graphs_make_well_formed_pictures(program):
    graph = cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25)
    ElementTree.fromstring(graph.backward().to_svg())


def test_the_same_graph_gives_the_same_picture():
    assert picture("two_layers") == picture("two_layers")


def test_dark_is_for_screens_that_ask_for_it_and_concerns_nothing_else_on_a_page():
    style = ElementTree.fromstring(picture("apples")).find(f"{SVG}style").text
    assert "@media screen and (prefers-color-scheme:dark){" in style
    rules = re.findall(r"([^{}]+)\{[^{}]+\}", re.sub(r"@media [^{}]+\{", "", style))
    assert len(rules) > 30
    for selectors in rules:
        assert all(s.split()[0] == ".clearprop-graph" for s in selectors.strip("}").split(","))
    assert "id=" not in picture("apples")  # two pictures on one page do not disturb each other
