"""The shapes that a docstring says its arguments have: ``x: (N, T, D)``, ``w of shape (D, M)``."""

from __future__ import annotations

import re
from collections.abc import Iterable

Shape = tuple[int | str, ...]

#: Words for a length → its letter.
_WORDS: dict[str, str] = {
    **dict.fromkeys(("n", "m", "b", "batch", "batch_size", "samples", "n_samples", "bs"), "N"),
    **dict.fromkeys(("d", "features", "n_features", "n_x", "nx", "dim", "in_features"), "D"),
    **dict.fromkeys(("d_in", "input_dim", "input_size", "n_in", "d_model", "e", "emb"), "D"),
    **dict.fromkeys(("h", "hidden", "n_hidden", "hidden_dim", "hidden_size", "n_a"), "H"),
    **dict.fromkeys(("t", "s", "l", "seq", "seq_len", "time", "steps", "length", "timesteps"), "T"),
    **dict.fromkeys(("c_out", "out_features", "d_out", "n_out", "output_size", "n_y"), "M"),
    **dict.fromkeys(("v", "vocab", "vocab_size"), "V"),
    "c": "C",
    "f": "F",
    "k": "K",
    "3h": "3H",
    "4h": "4H",
    "3d": "3D",
    "o": "M",
}
_SAID = re.compile(
    r"((?:\w+\s*,\s*|\w+\s+and\s+)*\b\w+)\s*(?::|=|\bof shape\b|\bhas shape\b|\bis\b)"
    r"[^()\n]{0,70}?\(([^()\n]*)\)"
)
_ALONE = re.compile(r"^\s*\(([^()\n]*)\)\s*(->|→)")


def shapes_said(text: str, names: Iterable[str]) -> dict[str, Shape]:
    """Read the shapes of some arguments from a docstring, where they are said plainly.

    Examples
    --------
    >>> shapes_said("query: (N, D), keys: (N, T, D); w has shape (D,)", ["query", "keys", "w"])
    {'query': ('N', 'D'), 'keys': ('N', 'T', 'D'), 'w': ('D',)}
    >>> shapes_said("x: images (N, C, H, W)", ["x"]), shapes_said("x: (N, d_1, ..., d_k)", ["x"])
    ({'x': ('N', 'C', 'P', 'Q')}, {})
    """
    names = list(names)
    found: dict[str, Shape] = {}
    alone = _ALONE.match(text)
    if alone and names:
        found |= _read(names[:1], alone[1])
    for match in _SAID.finditer(text):
        said = re.split(r"\s*,\s*|\s+and\s+|\s+", match[1])
        found |= _read([name for name in names if name in said], match[2])
    return found


def _read(names: list[str], inside: str) -> dict[str, Shape]:
    parts = [part.strip() for part in inside.split(",")]
    parts = parts[:-1] if parts[-1] == "" else parts
    image = {"H", "W"} <= set(parts)
    letters: list[int | str] = []
    for part in parts:
        plain = part.replace(" ", "").replace("*", "").lower()
        if part.isdigit():
            letters.append(int(part))
        elif image and part in ("H", "W"):
            letters.append("P" if part == "H" else "Q")
        elif part in ("M", "K", "F", "P", "Q", "G"):
            letters.append(part)
        elif plain in _WORDS:
            letters.append(_WORDS[plain])
        else:
            return {}
    return dict.fromkeys(names, tuple(letters)) if letters else {}
