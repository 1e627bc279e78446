"""Blocks of Python out of every form of file, with the line numbers of the file."""

import ast
import json

import pytest
from check.writing import notebook, write
from hypothesis import example, given
from hypothesis import strategies as st

from clearprop.check.handwritten.reading import LARGEST, read
from clearprop.errors import DataError


def definitions(blocks):
    """Give name → (file, line) of all that the blocks define."""
    found = {}
    for block in blocks:
        for node in block.tree.body if block.tree else ():
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = (block.file, node.lineno)
    return found


def problems(blocks):
    return [block.problem for block in blocks if block.problem]


def test_a_script_is_one_block(tmp_path):
    path = write(tmp_path, "a.py", "import numpy as np\n\ndef f(x):\n    return x\n")
    [block] = read(path)
    assert (block.file, block.line, block.problem) == (str(path), 1, "")
    assert definitions([block]) == {"f": (str(path), 3)}


def test_the_fences_of_a_page(tmp_path):
    path = write(
        tmp_path,
        "page.md",
        """
        # One
        ## Two
        ```python
        def a(): pass
        ```
        Three
        -----
        ~~~ {.py}
        def b(): pass
        ~~~
        ```bash
        def c(): pass
        ```
        ```
        def d(): pass
        ```
        ```
        x shape = n * a
        ```
        > ```Python
        > def e():
        >     pass
        > ```
        1. step

           ```py title="layers.py"
           def f():
               return 1
           ```
        """,
    )
    blocks = read(path)
    lines = {name: line for name, (_, line) in definitions(blocks).items()}
    assert lines == {"a": 4, "b": 9, "d": 15, "e": 21, "f": 27}
    assert [block.headings for block in blocks[:2]] == [("Two", "One"), ("Three", "Two", "One")]
    assert problems(blocks) == []


def test_a_fence_that_is_never_closed(tmp_path):
    blocks = read(write(tmp_path, "page.md", "text\n```python\ndef f():\n    return 1\n"))
    assert definitions(blocks).keys() == {"f"}
    assert problems(blocks) == ["the fence that opens here is never closed"]
    assert next(block.line for block in blocks if block.problem) == 2


PASTED = """
# Layers
## Multiply
An introduction.

In [7]:
import numpy as np
class Mul:
    def forward(self, x, y):
        return x * y

    # the last comment
m = Mul()
print(m.forward(2, 3))

6

### Add
Now we add.
In [ ]:
# a comment, no heading
def add(x, y):
    return x + y

## Divide
$$
z = x / y
$$
In [None]:  x = 1
   ...: y = 2
Out[8]: 2
"""


def test_a_notebook_pasted_as_text(tmp_path):
    path = write(tmp_path, "pasted.txt", PASTED)
    blocks = read(path)
    assert problems(blocks) == []
    assert definitions(blocks) == {"Mul": (str(path), 7), "add": (str(path), 21)}
    assert [block.headings[0] for block in blocks] == ["Multiply", "Add", "Divide"]
    assert ast.unparse(blocks[-1].tree) == "x = 1\ny = 2"
    assert [node.lineno for node in blocks[-1].tree.body] == [28, 29]


def test_a_definition_that_is_broken_is_not_cut_short(tmp_path):
    """`def backward` without its last line would be a function that returns None."""
    text = """
    In [1]:
    def forward(x, y):
        return x * y
    def backward(dz, x, y):
        dx = dz * y
        dy = dz *
        return dx, dy
    def after(x):
        return x
    It prints this.
    """
    blocks = read(write(tmp_path, "pasted.txt", text))
    assert definitions(blocks).keys() == {"forward", "after"}
    assert problems(blocks) == ["line 6 does not parse: invalid syntax"]


def test_a_script_that_does_not_parse_is_read_in_part(tmp_path):
    text = (
        "def f(x):\n    return x\n\ndef g(x:\n    return x\n\n@property\ndef h(x):\n    return x\n"
    )
    blocks = read(write(tmp_path, "a.py", text))
    assert definitions(blocks).keys() == {"f", "h"}
    assert problems(blocks) == ["line 4 does not parse: '(' was never closed"]


def test_code_in_a_text_without_marks(tmp_path):
    text = "Dear all,\nhere is it:\n\ndef f(x):\n    return x\n\nclass imbalance is bad.\nBye\n"
    assert definitions(read(write(tmp_path, "mail.txt", text))).keys() == {"f"}
    plain = "x = 1\ndef f(x):\n    return x\n"
    assert definitions(read(write(tmp_path, "plain.txt", plain))).keys() == {"f"}
    assert read(write(tmp_path, "prose.txt", "Only words, no code at all.\n")) == []


def test_code_that_is_only_indented(tmp_path):
    text = """
    # Layers
    Some prose:

        import numpy as np

        def f(x):
            return x

    ## More
    Prose that goes on
        with a line that is indented.

        class A:
            pass
    """
    blocks = read(write(tmp_path, "page.md", text))
    assert {name: line for name, (_, line) in definitions(blocks).items()} == {"f": 6, "A": 13}
    assert [block.headings[0] for block in blocks] == ["Layers", "More"]


def test_a_console_session(tmp_path):
    text = "```python\n>>> def f(x):\n...     return x\n>>> f(1)\n1\n```\n"
    assert definitions(read(write(tmp_path, "page.md", text))) == {
        "f": (str(tmp_path / "page.md"), 2)
    }


def test_the_cells_of_a_notebook(tmp_path):
    path = notebook(
        tmp_path,
        "# Dense layer\ntext",
        "%matplotlib inline\n!pip install numpy\nimport numpy as np\nnp.dot?\nfiles = !ls",
        "def f(x):\n    %time pass\n    return x",
        "%%bash\nls | grep x",
        "%%time\ndef g(x):\n    return '''\n% no magic\n'''",
        "def h(:",
    )
    blocks = read(path)
    assert definitions(blocks) == {"f": (f"{path} cell 3", 1), "g": (f"{path} cell 5", 2)}
    assert blocks[0].headings == ("Dense layer",)
    assert problems(blocks) == ["line 1 does not parse: invalid syntax"]


def test_a_percent_sign_in_a_text_stays(tmp_path):
    path = notebook(tmp_path, "text = '''\n% of all\n'''\n%time x = 1")
    tree = read(path)[0].tree
    assert isinstance(tree, ast.Module)


def test_a_notebook_of_version_3(tmp_path):
    cell = {"cell_type": "code", "input": ["def f(x):\n", "    return x"]}
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"worksheets": [{"cells": [cell]}]}))
    assert definitions(read(path)).keys() == {"f"}


def test_an_empty_file(tmp_path):
    for name in ("a.py", "a.md", "a.txt", "a.ipynb"):
        assert read(write(tmp_path, name, "")) == []


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.py", b"x = 1\n\0\0", "is binary. Why: It has a byte 0"),
        ("a.md", b"caf\xe9 ```", r"is no text in UTF-8. Where: line 1, byte 3"),
        ("a.py", b"# coding: nonsense\n", "unknown encoding"),
        ("a.ipynb", b'{"cells": [{"cell_ty', "is not a whole notebook. Where: line 1"),
        ("a.ipynb", b"[1, 2]", "is JSON, but no notebook"),
        ("a.ipynb", b'{"cells": 3}', "is JSON, but no notebook"),
        ("a.ipynb", b'{"cells": [{"source": "x"}]}', "is JSON, but no notebook"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_file_that_is_missing_a_folder_or_huge(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "none.py")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)
    huge = tmp_path / "huge.py"
    with huge.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(DataError, match="33,554,433 bytes"):
        read(huge)


def test_encodings_that_a_file_names(tmp_path):
    (tmp_path / "a.py").write_bytes("# coding: latin-1\né = 1\n".encode("latin-1"))
    (tmp_path / "b.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (tmp_path / "c.txt").write_bytes("x = 1\n".encode("utf-16"))
    for name in "a.py", "b.py", "c.txt":
        [block] = read(tmp_path / name)
        assert isinstance(block.tree.body[0], ast.Assign)


def test_nesting_that_python_does_not_parse(tmp_path):
    [block] = read(write(tmp_path, "a.py", "x = " + "(" * 5000 + ")" * 5000))
    assert "does not parse" in block.problem


@given(st.text(alphabet="abc =(:)'\"`#>\n\t\\%!?[]0In", max_size=200))
@example("\\\n\n:")
def test_no_text_makes_it_fail(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    for name in ("a.txt", "a.py", "a.md"):
        path = folder / name
        path.write_text(text)
        for block in read(path):
            assert block.tree is not None or block.problem
            assert block.text[: block.line - 1].strip("\n") == ""
