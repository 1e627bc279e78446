"""What a check found: one finding for each gradient, and a verdict."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

CORRECT, WRONG, NOT_JUDGED = "correct", "wrong", "not judged"


@dataclass(frozen=True)
class Finding:
    r"""One gradient compared with the numerical one.

    Attributes
    ----------
    name : str
        The argument, such as ``W`` or ``params['W1']``.
    verdict : str
        ``correct``, ``wrong`` or ``not judged``.
    error : float
        The largest relative error, :math:`|a - n| / \max(|a|, |n|)`, over the elements judged.
    where : tuple of int
        The index of that element.
    found, expected : float, or complex of a complex argument
        The gradient under test, and the numerical one, there.
    judged, elements : int
        How many elements were judged, and how many there are.
    reason : str
        What is wrong, or why something was not judged.
    """

    name: str
    verdict: str
    error: float = 0.0
    where: tuple[int, ...] = ()
    found: complex = float("nan")
    expected: complex = float("nan")
    judged: int = 0
    elements: int = 0
    reason: str = ""

    def __str__(self) -> str:
        mark = {CORRECT: "✓", WRONG: "✗", NOT_JUDGED: "?"}[self.verdict]
        line = f"{mark} {self.name}: {self.verdict}"
        if self.verdict == WRONG:
            at = f"[{', '.join(map(str, self.where))}]" if self.where else ""
            line += (
                f", relative error {self.error:.1e} at {self.name}{at}: "
                f"found {self.found:.8g}, expected {self.expected:.8g}"
            )
        elif self.verdict == CORRECT:
            line += f", largest relative error {self.error:.1e}"
        if 0 < self.judged < self.elements:
            line += f" ({self.judged} of {self.elements} elements judged)"
        return f"{line}. {self.reason}" if self.reason else line


@dataclass(frozen=True, repr=False)
class Report:
    """The result of a check.

    Attributes
    ----------
    name : str
        What was checked.
    findings : list of Finding
        One for each gradient.
    ok : bool
        Whether all are correct. What was not judged does not count as correct.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> report = cp.check(lambda x: np.sum(np.tanh(x)), np.array([0.1, 0.2]))
    >>> report.ok
    True
    """

    name: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all gradients are correct."""
        return bool(self.findings) and all(f.verdict == CORRECT for f in self.findings)

    def __str__(self) -> str:
        wrong = sum(f.verdict == WRONG for f in self.findings)
        missed = sum(f.verdict == NOT_JUDGED for f in self.findings)
        head = f"{self.name}: "
        if self.ok:
            count = len(self.findings)
            one = "the gradient is correct."
            head += one if count == 1 else f"all {count} gradients are correct."
        else:
            head += f"{wrong} of {len(self.findings)} gradients wrong, {missed} not judged."
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])

    __repr__ = __str__  # what a notebook shows of ``cp.check(f, x)``

    def to_json(self) -> str:
        """Give the report as JSON; NaN and infinity are written as strings."""

        def plain(value: Any) -> Any:
            if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
                return str(value)
            return str(value) if isinstance(value, complex) else value

        import json

        findings = [{k: plain(v) for k, v in asdict(f).items()} for f in self.findings]
        return json.dumps({"name": self.name, "ok": self.ok, "findings": findings}, indent=2)
