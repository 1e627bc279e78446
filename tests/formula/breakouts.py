"""Attempts to break out of the formula language: what was typed, and words of the answer.

An answer beginning with ``=`` is a value: the attempt is a formula like others, and harmless.
"""

from __future__ import annotations

import re

#: The kind of attempt, the text, words of the answer.
ATTEMPTS: list[tuple[str, str, str]] = [
    # Python's own doors
    ("attributes of objects", "().__class__", "__class__ is no name here"),
    ("attributes of objects", "x.__class__.__mro__", "__class__ is no name here"),
    ("attributes of objects", "(1).real", ".real is unknown here"),
    ("attributes of objects", "x.base", ".base is unknown here"),
    ("attributes of objects", "x.data", ".data is unknown here"),
    ("attributes of objects", "x.ctypes.data", ".ctypes is unknown here"),
    ("attributes of objects", "x.tofile()", ".tofile is unknown here"),
    ("attributes of objects", "x.dump()", ".dump is unknown here"),
    ("attributes of objects", "x.node.tape", ".node is unknown here"),
    ("attributes of objects", "exp.at(x)", "exp is a function"),
    ("attributes of objects", "np.exp.reduce(x)", "np.exp is a function"),
    ("builtins", "__import__", "__import__ is no name here"),
    ("builtins", "getattr(x, y)", "getattr is unknown here"),
    ("builtins", "open(x)", "open is unknown here"),
    ("builtins", "eval(x)", "eval is unknown here"),
    ("builtins", "exec(x)", "exec is unknown here"),
    ("builtins", "compile(x)", "compile is unknown here"),
    ("builtins", "globals()", "globals is unknown here"),
    ("builtins", "type(x)", "type is unknown here"),
    ("builtins", "breakpoint()", "breakpoint is unknown here"),
    ("builtins", "exit()", "exit is unknown here"),
    ("builtins", "input()", "input is unknown here"),
    ("builtins", "len(x, x)", "len takes one array"),
    # statements and expressions that are no formula
    ("other syntax", "import os", "import stands in the formula"),
    ("other syntax", "from os import system", "from stands in the formula"),
    ("other syntax", "lambda: 0", "lambda stands in the formula"),
    ("other syntax", "def f(x): x", "def stands in the formula"),
    ("other syntax", "class A: x", "class stands in the formula"),
    ("other syntax", "async def f(): x", "async stands in the formula"),
    ("other syntax", "await x", "await stands in the formula"),
    ("other syntax", "yield x", "yield stands in the formula"),
    ("other syntax", "del x", "del stands in the formula"),
    ("other syntax", "global x", "global stands in the formula"),
    ("other syntax", "raise x", "raise stands in the formula"),
    ("other syntax", "assert x", "assert stands in the formula"),
    ("other syntax", "while x: x", "while stands in the formula"),
    ("other syntax", "with x: x", "with stands in the formula"),
    ("other syntax", "try: x", "try stands in the formula"),
    ("other syntax", "x if x else x", "if stands in the formula"),
    ("other syntax", "x and x", "and stands in the formula"),
    ("other syntax", "x is x", "is stands in the formula"),
    ("other syntax", "(x := 1)", "an assignment inside an expression"),
    ("other syntax", "x: y = 1", "This is an annotation"),
    ("other syntax", "x += 1", "an assignment with a sign"),
    ("other syntax", "x = y = 1 + x", "no name that a value can be given to"),
    ("other syntax", "x[0] = 1 + x", "no name that a value can be given to"),
    ("other syntax", "x.T = 1 + x", "no name that a value can be given to"),
    ("other syntax", "a, b = x", "no name that a value can be given to"),
    ("other syntax", "exp = x + 1", "exp is the name of a function here"),
    ("other syntax", "np = x + 1", "np is the name of a function here"),
    ("other syntax", "@x\ny", "cannot be read here"),
    ("other syntax", "x < y < z", "Two comparisons stand in one"),
    ("other syntax", "x, y", "Round brackets make no array"),
    ("other syntax", "match x", "Between match and x a sign is missing"),
    ("other syntax", "type X = x", "Between type and X a sign is missing"),
    ("other syntax", "x  # type: ignore", "= 1"),
    ("comprehensions", "[x for x in y]", "for stands in the formula"),
    ("comprehensions", "sum(x for x in y)", "for stands in the formula"),
    ("comprehensions", "{x: x}", "{ stands in the formula"),
    # texts
    ("texts", "'a' * 9", "' stands in the formula"),
    ("texts", '"{0.__class__}".format(x)', '" stands in the formula'),
    ("texts", "f'{x}'", "' stands in the formula"),
    ("texts", "b'x'", "' stands in the formula"),
    ("texts", "'''x'''", "' stands in the formula"),
    ("texts", "x\\\n+1", "\\ stands in the formula"),
    ("texts", "`x`", "` stands in the formula"),
    ("texts", "%run x", "% stands in the formula"),
    ("texts", "!ls", "! stands in the formula"),
    # calls
    ("calls", "f(*x)", "f is unknown here"),
    ("calls", "exp(*x)", "a star in front"),
    ("calls", "exp(x, **x)", "Two stars stand before an operand"),
    ("calls", "exp(x)(x)", "no function"),
    ("calls", "[exp][0](x)", "no function"),
    ("calls", "exp(exp)", "exp is a function"),
    ("calls", "exp(x, out=x)", "exp has no out= here"),
    ("calls", "exp(x, where=x)", "exp has no where= here"),
    ("calls", "exp(x, dtype=object)", "exp has no dtype= here"),
    ("calls", "sum(x, dtype=object)", "sum has no dtype= here"),
    ("calls", "sum(x, initial=1)", "sum has no initial= here"),
    ("calls", "sum(x, keepdims=x)", "keepdims is True or False"),
    ("calls", "sum(x, axis=x)", "This is no whole number"),
    ("calls", "exp(x, x)", "exp is given 2 operands"),
    ("calls", "exp()", "exp is given 0 operands"),
    ("calls", "np.load(x)", "load is unknown here"),
    ("calls", "np.fromfile(x)", "fromfile is unknown here"),
    ("calls", "np.memmap(x)", "memmap is unknown here"),
    ("calls", "np.frompyfunc(x, 1, 1)", "frompyfunc is unknown here"),
    ("calls", "np.vectorize(exp)", "vectorize is unknown here"),
    ("calls", "np.save(x, x)", "save is unknown here"),
    ("calls", "np.ctypeslib.load_library(x)", "np.ctypeslib is unknown here"),
    ("calls", "np.lib.npyio.load(x)", "np.lib is unknown here"),
    ("calls", "np.linalg.inv(x)", "np.linalg is unknown here"),
    ("calls", "np.random.rand(9)", "np.random is unknown here"),
    ("calls", "np.__init__", "__init__ is no name here"),
    ("calls", "np", "np is no value"),
    ("calls", "scipy.special.erf(x)", ".special is unknown here"),
    ("calls", "os.system(x)", ".system is unknown here"),
    # sizes
    ("too large", "9**9**9 * x", "= inf"),
    ("too large", "2**100000 * x", "= inf"),
    ("too large", "9**9**9**9**9 * x", "= inf"),
    ("too large", "x**(10**400)", "= 1"),
    ("too large", "1e999 * x", "= inf"),
    ("too large", f"{'9' * 5000} * x", "The formula has 5,004 characters"),
    ("too large", f"{'9' * 41} * x", "This number is too long"),
    ("too large", "ones((10**9,)) * x", "would have 1,000,000,000 elements"),
    ("too large", "ones(10**99) * x", "This is no whole number"),
    ("too large", "zeros((9999, 9999)) * x", "would have 99,980,001 elements"),
    ("too large", "ones((-1,)) * x", "This is no shape"),
    ("too large", "ones((1, 1, 1, 1, 1, 1, 1, 1, 1)) * x", "This is no shape"),
    ("too large", "outer(ones(9999), ones(9999)) * x", "would have 99,980,001 elements"),
    ("too large", "(ones((9999, 1)) + ones((1, 9999))) * x", "would have 99,980,001 elements"),
    ("too large", "(ones((9999, 1)) @ ones((1, 9999))) * x", "would have 99,980,001 elements"),
    ("too large", "x[None, None, None, None, None, None, None, None, None]", "too many axes"),
    (
        "too large",
        "v = ones(2) * x; v[None, None, None, None, None, None, None, None]",
        "many axes",
    ),
    ("too large", "v = ones(2) * x; v[:10**30]", "This is no whole number"),
    ("too large", "v = ones(2) * x; v[::0]", "This cannot be computed"),
    ("too large", "v = ones(2) * x; v[10**15]", "This cannot be computed"),
    ("too large", "v = ones(2) * x; v.reshape(-1, -1)", "This cannot be computed"),
    ("too large", "v = ones(2) * x; v.reshape(10**9, 0)", "This cannot be computed"),
    ("too large", "v = ones((100, 100)) * x\n" + "v = v @ v\n" * 30, "computes too much"),
    ("too large", "v = ones(9999) * x\n" + "v = [v, v]\n" * 5, "would have 19,998 elements"),
    ("too large", f"stack([{'ones(9999),' * 5}]) * x", "would have 49,995 elements"),
    ("too large", "+".join(f"a{i}" for i in range(61)), "has 61 names without a formula"),
    # depth and length
    ("too deep", "(" * 10_000, "The formula has 10,000 characters"),
    ("too deep", "(" * 100 + "x" + ")" * 100, "The brackets are too deep here"),
    ("too deep", "[" * 100 + "x" + "]" * 100, "The brackets are too deep here"),
    ("too deep", "-" * 500 + "x", "The formula is too deep here"),
    ("too deep", "x" + "**x" * 299, "The formula is too deep here"),
    ("too deep", "x" + "[0]" * 150, "The formula is too deep here"),
    ("too deep", "x" + ".T" * 250, "The formula is too deep here"),
    ("too deep", "x;" * 400, "The formula has 800 names, numbers and signs"),
    ("too deep", "a" * 41, "This name is too long"),
    ("too deep", "\n" * 5_000, "The formula has 5,000 characters"),
    # letters
    ("letters", "ехр(x)", "е stands in the formula"),  # noqa: RUF001 (Cyrillic)
    ("letters", "ｅxp(x)", "ｅ stands in the formula"),  # noqa: RUF001 (full width)
    ("letters", "x\u200b", "U+200B stands in the formula"),
    ("letters", "x\u202e+1", "U+202E stands in the formula"),
    ("letters", "x\0", "U+0000 stands in the formula"),
    ("letters", "x\ud800", "U+D800 stands in the formula"),
    ("letters", "x\x0c+1", "U+000C stands in the formula"),
    ("letters", "x\u2028y", "U+2028 stands in the formula"),
    ("letters", "\u212f**x", "\u212f stands in the formula"),
    ("letters", "x²", "Powers are written with two stars"),
    ("letters", "x − 1", "longer dash than the minus sign"),
    ("letters", "∂x", "∂ stands in the formula"),
    ("letters", "٣ * x", "٣ stands in the formula"),
    # numbers that are none
    ("numbers", "1j * x", "1j is no number here"),
    ("numbers", "0x10 * x", "0x10 is no number here"),
    ("numbers", "1_000 * x", "1_000 is no number here"),
    ("numbers", "007 * x", "007 begins with 0"),
    ("numbers", "(-1)**0.5 * x", "= nan"),
    ("numbers", "sqrt(-1) * x", "= nan"),
    ("numbers", "1/0 * x", "= inf"),
    ("numbers", "0/0 * x", "= nan"),
    ("numbers", "x[0.5]", "This is no whole number"),
    ("numbers", "True", "True stands in the formula"),
    ("numbers", "None + x", "None stands in the formula"),
    ("numbers", "...", "three dots"),
    ("numbers", "x.shape", "The result is a shape"),
    ("numbers", "x.shape * x", "A shape is several numbers"),
    ("numbers", "x.shape[0] * x", "There is no such size"),
    # nothing
    ("nothing", "", "There is no formula"),
    ("nothing", "   # nothing", "There is no formula"),
    ("nothing", ";", "cannot be read here"),
    ("nothing", "x = 1", "Nothing is computed"),
]


def table() -> str:
    """Write the attempts as a table in Markdown, for the documentation."""
    lines = ["| kind | attempt | answer |", "|---|---|---|"]
    for kind, attempt, answer in ATTEMPTS:
        shown = attempt if len(attempt) <= 60 else f"{attempt[:57]}… ({len(attempt):,} characters)"
        shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown)
        shown = shown.replace("\\u000a", "⏎").replace("|", "\\|").replace("`", "'")
        lines.append(
            f"| {kind} | `{shown}` | {_answer(answer)} |"
            if shown
            else f"| {kind} | (nothing) | {_answer(answer)} |"
        )
    return "\n".join(lines) + "\n"


def _answer(answer: str) -> str:
    if answer.startswith("= "):
        return f"computed: {answer[2:]}"
    return re.sub(r"([\\`*_|{}])", r"\\\1", answer)


if __name__ == "__main__":
    from pathlib import Path

    target = Path(__file__).parents[2] / "docs" / "breakout_table.md"
    target.write_text(table(), encoding="utf-8")
