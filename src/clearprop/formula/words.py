"""A formula cut into words, before any parser sees it.

What no formula has is refused here, by the character: quotes, braces, keywords, letters that look
like others. So is what a parser would stumble over: length, depth, long numbers.
"""

from __future__ import annotations

import keyword
import re
from typing import NamedTuple

from clearprop.errors import FormulaError
from clearprop.formula import limits
from clearprop.formula.table import FUNCTIONS

_WORD = re.compile(
    r"(?P<blank>[ \t\r]+)|(?P<comment>\#[^\n]*)|(?P<newline>\n)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|[<>=!]=|[-+*/@()\[\],:=<>.;])"
)
_OPEN, _CLOSE = {"(": ")", "[": "]"}, {")": "(", "]": "["}

#: What people type for something else: what is wrong with it, and what to write.
_INSTEAD = {
    "^": ("Powers are written with two stars.", "x**2"),
    "²": ("Powers are written with two stars.", "x**2"),
    "³": ("Powers are written with two stars.", "x**3"),
    "×": ("A product is written with a star.", "x * y"),
    "·": ("A product is written with a star.", "x * y"),
    "÷": ("A quotient is written with a slash.", "x / y"),
    "−": ("This is a longer dash than the minus sign.", "x - y"),
    "–": ("This is a longer dash than the minus sign.", "x - y"),
    "√": ("A root is written as a function.", "sqrt(x)"),
    "'": ("A formula has numbers and names, and no texts.", "x"),
    '"': ("A formula has numbers and names, and no texts.", "x"),
    "{": ("A formula has no dicts and no sets.", "[1, 2]"),
    "}": ("A formula has no dicts and no sets.", "[1, 2]"),
    "%": ("There is no remainder here: it has jumps.", "0.1 * x for ten per cent"),
    "&": ("Two conditions are joined with products.", "where((x > 0) * (x < 1), a, b)"),
    "|": ("Two conditions are joined with maximum.", "where(maximum(x < 0, x > 1), a, b)"),
    "\\": ("A line is continued inside brackets.", "(x +⏎ y)"),
    "!": ("There is no factorial and no command here.", "x"),
}
_KEYWORDS = {
    "lambda": ("A formula defines values, not functions.", "y = x**2"),
    "if": ("A choice is written as a function.", "where(x > 0, a, b)"),
    "else": ("A choice is written as a function.", "where(x > 0, a, b)"),
    "and": ("Two conditions are joined with products.", "where((x > 0) * (x < 1), a, b)"),
    "or": ("Two conditions are joined with maximum.", "where(maximum(x < 0, x > 1), a, b)"),
    "not": ("A condition is turned round in its sign.", "x <= 0"),
    "for": ("A formula has no loops; arrays are computed with as a whole.", "sum(x**2)"),
    "import": ("The functions of a formula are there already.", "exp(x)"),
    "return": ("The last line is the result.", "x**2"),
}


class Word(NamedTuple):
    """A word of a formula, and where it stands, from 1."""

    kind: str
    text: str
    line: int
    column: int


def refuse(what: str, at: Word, why: str, write: str | None = None) -> FormulaError:
    """Make the error at a word."""
    return FormulaError(what, at=(at.line, at.column), why=why, write=write)


def cut(text: str) -> list[Word]:
    """Cut a formula into words, blanks and comments left out.

    Raises
    ------
    FormulaError
        The text is too long, or something stands in it that no formula has.

    Examples
    --------
    >>> [word.text for word in cut("t = x + 1.5  # a comment")]
    ['t', '=', 'x', '+', '1.5']
    """
    if len(text) > limits.CHARACTERS:
        raise FormulaError(
            f"The formula has {len(text):,} characters.",
            why=f"A formula that is drawn has at most {limits.CHARACTERS:,}.",
            write="a function in a file, and clearprop explain FILE:FUNCTION",
        )
    words: list[Word] = []
    position, line, start = 0, 1, 0
    while position < len(text):
        found = _WORD.match(text, position)
        at = Word("", text[position], line, position - start + 1)
        if found is None:
            raise _foreign(at)
        kind = str(found.lastgroup)
        if kind not in ("blank", "comment"):
            words.append(Word(kind, found[0], line, at.column))
        position = found.end()
        if kind == "newline":
            line, start = line + 1, position
    if len(words) > limits.WORDS:
        raise FormulaError(
            f"The formula has {len(words):,} names, numbers and signs.",
            why=f"A formula that is drawn has at most {limits.WORDS}.",
            write="a function in a file, and clearprop explain FILE:FUNCTION",
        )
    _check_brackets(words)
    for before, word in zip([None, *words], words, strict=False):
        _check(before, word)
    return words


def _foreign(at: Word) -> FormulaError:
    if at.text in _INSTEAD:
        return refuse(f"{at.text} stands in the formula.", at, *_INSTEAD[at.text])
    shown = at.text if at.text.isprintable() else f"the character U+{ord(at.text):04X}"
    what = f"{shown} stands in the formula."
    if at.text.isalpha():
        why = "Names are written with the letters a to z, so that no two of them look alike."
        return refuse(what, at, why, "theta, y_hat, …")
    return refuse(what, at, "A formula has names, numbers, + - * / ** @, brackets and =.")


def _check_brackets(words: list[Word]) -> None:
    opened: list[Word] = []
    for word in words:
        if word.text in _OPEN:
            opened.append(word)
            if len(opened) > limits.BRACKETS:
                why = f"Brackets may stand {limits.BRACKETS} deep inside one another."
                raise refuse("The brackets are too deep here.", word, why, "t = …, on a line above")
        elif word.text in _CLOSE and (not opened or opened.pop().text != _CLOSE[word.text]):
            why = f"There is no {_CLOSE[word.text]} before it that is still open."
            raise refuse(f"This {word.text} closes nothing.", word, why)
    if opened:
        why = f"A {_OPEN[opened[-1].text]} is missing behind it."
        raise refuse(f"This {opened[-1].text} is never closed.", opened[-1], why)


def _check(before: Word | None, word: Word) -> None:
    if keyword.iskeyword(word.text) and word.text not in ("True", "False", "None"):
        why, write = _KEYWORDS.get(
            word.text, ("A formula is no program: it has values and names for them.", "t = x + y")
        )
        raise refuse(f"{word.text} stands in the formula.", word, why, write)
    _check_beside(before, word)
    if word.kind == "number":
        _check_number(word)
    elif word.kind == "name":
        _check_name(word)


def _check_beside(before: Word | None, word: Word) -> None:
    """Refuse two things beside one another that have no sign between them."""
    joined = (before is not None and before.kind in ("name", "number")) or _closes(before)
    if not joined or word.kind not in ("name", "number") or before is None:
        return
    if before.kind == "name" and before.text in FUNCTIONS:
        write = f"{before.text}({word.text})"
        raise refuse(f"{before.text} is written {write}.", word, "A function has brackets.", write)
    adjacent = before.kind == "number" and before.column + len(before.text) == word.column
    if adjacent and re.fullmatch(r"_[0-9]+|[xob]_?[0-9a-fA-F]+|[jJ]", word.text):
        why = "Numbers are real and decimal: 12, 0.5, 1e-3."
        raise refuse(f"{before.text}{word.text} is no number here.", before, why)
    left = before.text if before.kind != "sign" else "(…)"
    write = f"{left} * {word.text}"
    raise refuse(f"Between {left} and {word.text} a sign is missing.", word, "Say which.", write)


def _closes(word: Word | None) -> bool:
    return word is not None and word.text in _CLOSE


def _check_number(word: Word) -> None:
    if len(word.text) > limits.DIGITS:
        why = f"A number has at most {limits.DIGITS} characters; a float keeps 17 digits of it."
        raise refuse("This number is too long.", word, why, "1e100")
    if re.match(r"0[0-9]", word.text):
        raise refuse(f"{word.text} begins with 0.", word, "Numbers are decimal.", word.text[1:])


def _check_name(word: Word) -> None:
    if word.text.startswith("_") or "__" in word.text:
        why = "Names with an underscore in front, or two together, are Python's own."
        raise refuse(f"{word.text} is no name here.", word, why, word.text.strip("_") or "x")
    if len(word.text) > limits.DIGITS:
        raise refuse("This name is too long.", word, f"It has {len(word.text)} characters.")
