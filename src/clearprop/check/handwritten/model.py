"""What the stages hand on: candidates, findings, judgements. No stage is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: The four ends of everything found. What is not judged is never counted as correct.
FAULT, CONVENTION, CORRECT, NOT_JUDGED = "fault", "convention", "correct", "not judged"


@dataclass(frozen=True)
class Place:
    """A line of the user's file, as the user counts it (from 1)."""

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Candidate:
    """Something in a file that has a backward pass, and how it is written.

    Attributes
    ----------
    name : str
        As the report calls it: ``Affine``, ``affine_backward``, ``ReLu (heading)``.
    style : str
        ``layer`` (a class with forward and backward), ``pair`` (two functions and a cache),
        ``derivative`` (a function beside its derivative), ``network`` (a class with loss and
        gradient), ``loss and gradient`` (a function that returns both), ``torch``, ``autograd``.
    place : Place
        The first line of its backward (of the class, where it is one).
    forward, backward : object
        The class (both the same) or the two functions. ``forward`` is None where it is absent or
        a stub (``pass``, ``...``, only a docstring, ``raise NotImplementedError``).
    reference : str
        The named reference to judge by where there is no forward: ``softmax``; "" for none.
    namespace : dict
        The globals of its code.
    problem : str
        Why it cannot be judged, where that is known already (its definition raised, …).
    """

    name: str
    style: str
    place: Place
    forward: Any = None
    backward: Any = None
    reference: str = ""
    namespace: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Evidence:
    """Expected beside found, small enough for a screen.

    ``expected`` and ``found`` are whole gradients; ``found`` is None where there is no array.
    ``wrong`` marks the entries that differ. ``values`` are the inputs of that run by name, and
    ``probe`` says in words what was done: ``"a second call of backward"``.
    """

    gradient: str
    expected: Array
    found: Array | None
    wrong: Array | None = None
    values: dict[str, Any] = field(default_factory=dict)
    probe: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing to say about a backward pass.

    Attributes
    ----------
    verdict : str
        ``fault``, ``convention`` or ``not judged``.
    cause : str
        The identifier of the catalogue: ``batch-factor``, ``transposed``, …, ``unknown``.
    gradient : str
        ``dW``; "" where it is not about one.
    sentence : str
        What is wrong and why, in the user's own names, one or two sentences.
    remedy : str
        The line to write instead; "" where none is known.
    place : Place or None
        The line that is at fault.
    evidence : Evidence or None
        Expected and found.
    """

    verdict: str
    cause: str
    sentence: str
    gradient: str = ""
    remedy: str = ""
    place: Place | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Unjudged:
    """Lines of a backward, or of what it calls, that ran in no probe: nothing is known of them.

    Attributes
    ----------
    function : str
        Whose lines they are: ``backward``.
    place : Place
        The first of the lines.
    last : int
        The number of the last one.
    branch : str
        What would have led there: ``the branch `if self.mode == 'test'```.
    reason : str
        Why a probe that did lead there says nothing; "" where there was none.
    """

    function: str
    place: Place
    last: int
    branch: str = ""
    reason: str = ""


@dataclass(frozen=True, repr=False)
class Judgement:
    """All that is known of one candidate.

    ``findings`` has faults first, then what was not judged, then conventions. ``gradients`` are
    those that were compared, ``probes`` what was tried, ``shapes`` the inputs of the first probe.
    ``reason`` says why it was not judged; ``unjudged`` are the lines that ran in no probe.
    """

    name: str
    style: str
    place: Place
    verdict: str
    findings: tuple[Finding, ...] = ()
    gradients: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether its gradients are right (conventions are)."""
        return self.verdict in (CORRECT, CONVENTION)

    @property
    def in_part(self) -> bool:
        """Whether it is right as far as it ran, and some of its lines never ran."""
        return self.ok and bool(self.unjudged)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from clearprop.check.reports.terminal import as_text

        return as_text(FileReport("", (self,)))

    def to_json(self) -> str:
        """Give the judgement as JSON, in the form of the command's ``--json``."""
        from clearprop.check.reports.json import to_json

        return to_json(FileReport("", (self,)))


@dataclass(frozen=True)
class FileReport:
    """The judgements of all that a file holds.

    ``bystanders`` are functions and classes that have no backward: name → place. ``notes`` are
    about the file: a statement that failed, a helper taken from the prelude.
    """

    file: str
    judgements: tuple[Judgement, ...] = ()
    bystanders: dict[str, Place] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether something was judged and nothing was found at fault or left unjudged."""
        return bool(self.judgements) and all(j.ok for j in self.judgements)

    def count(self, verdict: str) -> int:
        """Count the judgements with a verdict."""
        return sum(j.verdict == verdict for j in self.judgements)
