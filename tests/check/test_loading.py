"""Definitions are executed; what could train, print or read is not, and says so when it is used."""

import ast
import inspect
import linecache
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from check.writing import load_text, notebook, write

import clearprop as cp
from clearprop.check.handwritten.loading import load
from clearprop.check.handwritten.placeholders import Placeholder
from clearprop.check.handwritten.reading import Block, read
from clearprop.errors import NotRunError
from clearprop.places import line_of

TRAIN = """
import numpy as np
ran = []
def train(*_, **__):
    ran.append(1)
    while True:
        raise SystemExit("it trained")
"""


def note(loaded, text):
    """Give the notes that hold a text."""
    return [each for each in loaded.notes if text in each]


@pytest.mark.parametrize(
    "line",
    [
        "train()",
        "x = train()",
        "x, y = train(), 1",
        "x = [train() for _ in range(3)]",
        "x = list(map(train, range(3)))",
        "x = sorted([1, 2], key=lambda v: train())",
        "x = sorted([1, 2], key=train)",
        "x = (lambda: train())()",
        "x = np.apply_along_axis(train, 0, np.ones(3))",
        "x = np.loadtxt('data.txt')",
        "x = open('data.txt')",
        "x = eval('train()')",
        "x = getattr(object(), train())",
        "x = 1 if train() else 2",
        "x = {'a': train()}['a']",
        "x: int = train()",
        "held = {}\nheld['x'] = train()",
        "t = train\nx = t()",
        "for _ in range(3): train()",
        "while train(): pass",
        "with open('x') as f: train()",
        "if train(): x = 1",
        "try:\n    train()\nexcept SystemExit:\n    pass",
        "assert train()",
        "try:\n    def f(x=train()): return x\nexcept SystemExit:\n    pass",
        "if True:\n    class C:\n        w = train()",
        "del train()[0]",
        "if __name__ == '__main__':\n    train()",
        "def f(x=train()): return x",
        "def run_now(f):\n    f()\n    return f\n@run_now\ndef g(): train()",
        "def timed(n):\n    return lambda f: f\n@timed(train())\ndef g(): pass",
        "class C:\n    w = train()",
        "class C:\n    train()",
        "class C:\n    def f(self, x=train()): return x",
        "class C(train()): pass",
        "class C:\n    def __init__(self): train()\nx = C()",
        "class C:\n    def fit(self): train()\n    def __init__(self): self.fit()\nx = C()",
        "class B:\n    def __init__(self): train()\nclass C(B): pass\nx = C()",
        "class C:\n    @property\n    def w(self): return train()\nc = C()\nx = c.w",
        "class C:\n    def fit(self): train()\nc = C()\nx = c.fit()",
        "def outer():\n    return train()\nx = outer()",
        "def outer():\n    for _ in range(2): np.ones(3)\n    return train()\nx = outer()",
        "def again(n):\n    return again(n)\nx = again(1)",
    ],
)
def test_nothing_that_calls_the_users_training_runs(tmp_path, line):
    loaded = load_text(tmp_path, TRAIN + line + "\n")
    assert loaded.namespace["ran"] == []
    x = loaded.namespace.get("x")
    assert x is None or isinstance(x, Placeholder)


def test_that_training_is_recognised_where_it_runs(tmp_path):
    """The test above can fail: a function without a loop does run."""
    loaded = load_text(tmp_path, "ran = []\ndef make():\n    ran.append(1)\nx = make()\n")
    assert loaded.namespace["ran"] == [1]
    text = "def make():\n    held = [1]\n    held.append(2)\n    return held\nx = make()\n"
    assert load_text(tmp_path, text).namespace["x"] == [1, 2]


def test_constants_objects_and_helpers_are_there(tmp_path):
    text = """
    import numpy as np
    from functools import partial
    class Affine:
        def __init__(self, W, b):
            self.W, self.b = W, b
    class Net:
        def __init__(self, sizes):
            self.params = {}
            for i in range(len(sizes) - 1):
                self.params[f"W{i}"] = np.random.randn(sizes[i], sizes[i + 1])
            self.layers = [Affine(W, 0) for W in self.params.values()]
    def scaled(a):
        def inner(x):
            return x * a
        return inner
    rng = np.random.default_rng(0)
    W = rng.normal(size=(3, 4)).astype(np.float32)
    rows, columns = W.shape
    W[0] = 5
    double = scaled(2)
    layer = Affine(W, np.zeros(4))
    net = Net([2, 3])
    slope: float = 0.01
    slope += 1
    square = lambda x: x ** 2
    half = partial(scaled, 0.5)
    names = "a b".split()
    Affine.extra = slope
    """
    loaded = load_text(tmp_path, text)
    space = loaded.namespace
    assert not loaded.failures
    assert not note(loaded, "not run")
    assert space["double"](4) == 8
    assert space["layer"].W.shape == (space["rows"], space["columns"]) == (3, 4)
    assert list(space["net"].params) == ["W0"]
    assert len(space["net"].layers) == 1
    assert space["Affine"].extra == 1.01
    assert [each.name for each in loaded.definitions][-2:] == ["double", "square"]


def test_using_a_name_without_a_value_says_why(tmp_path):
    loaded = load_text(tmp_path, "x = train()\ny = x + 1\ndef f():\n    return x[0]\n")
    with pytest.raises(
        NotRunError, match=r"x has no value\. Why: line 1 was not run: it calls train"
    ):
        loaded.namespace["f"]()
    with pytest.raises(NotRunError, match="line 2 was not run: it needs x, which has no value"):
        np.asarray(1.0) + loaded.namespace["y"]
    assert note(loaded, "2 statements were not run, in line 1, 2")
    assert isinstance(loaded.namespace["f"], type(lambda: None))


def test_the_modules_of_others_are_not_changed(tmp_path):
    load_text(tmp_path, "import numpy as np\nnp.clearprop_was_here = 3\n")
    assert not hasattr(np, "clearprop_was_here")


def test_an_import_that_is_missing(tmp_path):
    text = """
    import no_such_package.part as part
    from no_such_package import tool, softmax
    import numpy as np
    def f(x: part.Array) -> tool:
        return softmax(x)
    class C(part.Base): pass
    def g(): return part.go()
    """
    loaded = load_text(tmp_path, text)
    np.testing.assert_allclose(loaded.namespace["f"](np.zeros(2)), 0.5)
    with pytest.raises(NotRunError, match="part could not be imported in line 1"):
        loaded.namespace["g"]()
    [failure] = loaded.failures
    assert (failure.name, failure.place.line) == ("C", 6)
    assert "no_such_package" in failure.reason
    assert note(loaded, "softmax was taken from the prelude")


def test_what_the_file_defines_is_not_taken_from_the_prelude(tmp_path):
    text = """
    class sigmoid:
        def forward(self, x):
            local = softmax(x)
            relu = 3
            return relu + np.sum(local)
    def softmax(x): return x
    """
    loaded = load_text(tmp_path, text)
    assert isinstance(loaded.namespace["sigmoid"], type)
    assert note(loaded, "prelude") == ["np was taken from the prelude"]


def test_a_name_that_nothing_defines_is_told(tmp_path):
    text = (
        "class CrossEntropy: pass\nclass Both:\n    def __init__(self):\n        CrossEntropyy()\n"
    )
    assert note(load_text(tmp_path, text), "defined nowhere") == [
        "CrossEntropyy, used in line 4, is defined nowhere; the nearest name is CrossEntropy"
    ]


def test_every_definition_of_a_name_is_kept(tmp_path):
    loaded = load_text(tmp_path, "def f(): return 1\ndef f(): return 2\n")
    assert [(each.object(), each.place.line) for each in loaded.definitions] == [(1, 1), (2, 2)]


def test_tracebacks_and_inspect_show_the_lines_of_a_page(tmp_path):
    page = "# Title\n\n```python\nclass A:\n    def f(self):\n        return 1 / 0\n```\n"
    loaded = load_text(tmp_path, page, "page.md")
    kind = loaded.namespace["A"]
    assert inspect.getsource(kind) == "class A:\n    def f(self):\n        return 1 / 0\n"
    assert inspect.getsourcelines(kind.f)[1] == 5
    with pytest.raises(ZeroDivisionError) as caught:
        kind().f()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.lineno) == (str(tmp_path / "page.md"), 6)
    assert frame.line == "return 1 / 0"


def test_the_cells_of_a_notebook_share_their_names(tmp_path):
    path = notebook(
        tmp_path, "import numpy as np", "# Text", "class A:\n    pass", "def f(): return A"
    )
    loaded = load(read(path))
    kind = loaded.namespace["f"]()
    assert inspect.getsource(kind) == "class A:\n    pass\n"
    assert str(loaded.definitions[0].place) == f"{path} cell 3:1"
    assert linecache.getline(f"{path} cell 4", 1) == "def f(): return A\n"


def test_the_code_can_be_traced_and_names_its_lines(tmp_path):
    text = """
    def forward(x):
        out = np.zeros(3)
        out[0] = x[0] * x[1]
        return out
    """
    forward = load_text(tmp_path, text).namespace["forward"]
    assert cp.check(forward, np.array([2.0, 3.0])).ok
    last = cp.trace(forward, np.array([2.0, 3.0])).nodes[-1]
    assert str(line_of(last.place)) == "layers.py:3: out[0] = x[0] * x[1]"


def test_modules_beside_the_file_are_read_for_their_definitions(tmp_path):
    write(tmp_path, "common/functions.py", "def tripled(x): return 3 * x\nwhile True: pass\n")
    write(
        tmp_path,
        "common/layers.py",
        "from common.functions import *\nfrom .functions import tripled as t\n",
    )
    write(tmp_path, "common/none.py", "def g(: pass\n")
    loaded = load(read(tmp_path / "common" / "layers.py"))
    assert loaded.namespace["tripled"](2) == loaded.namespace["t"](2) == 6
    assert loaded.notes == ()
    other = tmp_path / "other"
    write(other, "common/functions.py", "def tripled(x): return -3 * x\n")
    write(other, "layers.py", "from common import functions\n")
    again = load(read(other / "layers.py"))
    assert again.namespace["functions"].tripled(2) == -6  # not the module of the other folder
    assert not [finder for finder in sys.meta_path if "handwritten" in type(finder).__module__]


def test_relative_imports_of_a_package(tmp_path):
    write(tmp_path, "net/__init__.py", "while True: pass\n")
    write(tmp_path, "net/utils/__init__.py", "from .arrays import twice\n")
    write(
        tmp_path,
        "net/utils/arrays.py",
        "from ..base import one\ndef twice(x): return 2 * x + one\n",
    )
    write(tmp_path, "net/base.py", "one = 1\n")
    write(tmp_path, "net/layers/helpers.py", "def tripled(x): return 3 * x\n")
    text = "from ..utils import twice\nfrom . import helpers\nfrom .helpers import tripled, none\n"
    loaded = load_text(tmp_path / "net" / "layers", text)
    assert loaded.namespace["twice"](2) == 5
    assert loaded.namespace["tripled"] is loaded.namespace["helpers"].tripled
    [missing] = loaded.notes
    assert "line 3 of" in missing
    assert "could not be imported (none): ImportError: cannot import name 'none'" in missing


def test_an_installed_package_is_imported_as_it_is(tmp_path):
    """Beside an installed module, others are not taken for the user's."""
    import matplotlib

    beside = load(
        [Block("a.py", 1, "import executing\n", tree=ast.parse("import executing\n"))],
        Path(matplotlib.__file__).parent,
    )
    assert "handwritten" not in type(beside.namespace["executing"].__loader__).__module__


def test_what_raises_when_it_is_defined_does_not_stop_the_rest(tmp_path):
    text = """
    class A(undefined_base): pass
    @undefined_decorator
    def f(): pass
    def g(): return A()
    x = 1 / 0
    import sys
    y = sys.maxsize
    """
    loaded = load_text(tmp_path, text)
    assert [failure.name for failure in loaded.failures] == ["A", "f"]
    assert "NameError" in loaded.failures[0].reason
    with pytest.raises(
        NotRunError, match=r"A has no value\. Why: it could not be defined: NameError"
    ):
        loaded.namespace["g"]()
    assert "ZeroDivisionError" in repr(loaded.namespace["x"])
    assert loaded.namespace["y"] == sys.maxsize


def test_try_and_if_run_whole_where_all_in_them_may(tmp_path):
    text = """
    import sys
    try:
        import cupy_that_is_missing as xp
    except ImportError:
        import numpy as xp
    if sys.version_info > (3, 0):
        def f(x): return xp.sum(x)
    else:
        def f(x): return None
    """
    loaded = load_text(tmp_path, text)
    assert loaded.namespace["f"](np.ones(3)) == 3
    assert [(each.name, each.place.line) for each in loaded.definitions] == [("f", 7)]


def test_a_module_that_exits_when_imported(tmp_path):
    write(tmp_path, "leaves.py", "import sys\nsys.exit(3)\nvalue = 3\n")
    assert load_text(tmp_path, "from leaves import value\n").namespace["value"] == 3


def test_nothing_at_all():
    assert load([]).notes == ("no Python code was found",)
