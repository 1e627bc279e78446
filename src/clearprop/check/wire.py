"""What a worker sends back: judgements as JSON, read as if somebody else had written them.

The code under check runs in the process that sends. So nothing is unpickled here, every field has
one type, and sizes are bounded: what does not fit is a `WireError`.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from json import dumps, loads
from typing import Any

# By name: the code under check may put something else on the modules.
from numpy import asarray, dtype, frombuffer, generic, ndarray

from clearprop.check.handwritten.catalogue import CONVENTIONS, FAULTS
from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    Evidence,
    FileReport,
    Finding,
    Judgement,
    Place,
    Unjudged,
)
from clearprop.check.handwritten.options import Drawn, Options

_VERDICTS = (FAULT, CONVENTION, CORRECT, NOT_JUDGED)
_LONGEST = 100_000  # characters of a text
_LARGEST = 1 << 22  # elements of an array
_MOST = 10_000  # entries of a list


class WireError(ValueError):
    """Something came back that no worker of ours writes."""


# ---- sending ---------------------------------------------------------------------------------


def encode(value: Any) -> Any:
    """Turn a value of a report into what JSON can hold."""
    if value is None or isinstance(value, bool | str):
        return value[:_LONGEST] if isinstance(value, str) else value
    if isinstance(value, ndarray | generic):
        return _encode_array(asarray(value))
    if isinstance(value, int):
        return value if abs(value) < 1 << 62 else str(value)
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple | list):
        return {"list": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, Drawn):
        return {"drawn": [encode(v) for v in (value.shape, value.low, value.high, value.kind)]}
    return repr(value)[:1000]


def _encode_array(array: ndarray[Any, Any]) -> Any:
    if array.dtype.kind not in "biufc" or array.size > _LARGEST:
        return f"{array.dtype} {array.shape}"
    content = b64encode(array.tobytes()).decode("ascii")
    return {"array": content, "dtype": array.dtype.str, "shape": list(array.shape)}


def encode_judgement(judgement: Judgement) -> dict[str, Any]:
    """Turn a judgement into what JSON can hold."""
    return {
        "name": judgement.name,
        "style": judgement.style,
        "place": _encode_place(judgement.place),
        "verdict": judgement.verdict,
        "findings": [_encode_finding(finding) for finding in judgement.findings],
        "gradients": list(judgement.gradients),
        "probes": list(judgement.probes),
        "shapes": {name: list(shape) for name, shape in judgement.shapes.items()},
        "reason": judgement.reason,
        "seconds": judgement.seconds,
        "unjudged": [_encode_unjudged(lines) for lines in judgement.unjudged],
    }


def encode_report(report: FileReport) -> dict[str, Any]:
    """Turn a report into what JSON can hold."""
    return {
        "file": report.file,
        "judgements": [encode_judgement(judgement) for judgement in report.judgements],
        "bystanders": {name: _encode_place(p) for name, p in report.bystanders.items()},
        "notes": list(report.notes),
    }


def encode_options(options: Options) -> dict[str, Any]:
    """Turn options into what JSON can hold."""
    return {
        "shapes": {name: list(shape) for name, shape in options.shapes.items()},
        "values": {name: encode(value) for name, value in options.values.items()},
        "reference": options.reference,
        "seed": options.seed,
        "samples": options.samples,
        "skip": [list(key) for key in sorted(options.skip)],
        "several": options.several,
    }


def _encode_place(place: Place) -> list[Any]:
    return [place.file, place.line, place.text[:_LONGEST]]


def _encode_unjudged(lines: Unjudged) -> list[Any]:
    return [lines.function, _encode_place(lines.place), lines.last, lines.branch, lines.reason]


def _encode_finding(finding: Finding) -> dict[str, Any]:
    shown = finding.evidence
    return {
        "verdict": finding.verdict,
        "cause": finding.cause,
        "sentence": finding.sentence,
        "gradient": finding.gradient,
        "remedy": finding.remedy,
        "place": None if finding.place is None else _encode_place(finding.place),
        "evidence": None if shown is None else _encode_evidence(shown),
    }


def _encode_evidence(evidence: Evidence) -> dict[str, Any]:
    found, wrong = evidence.found, evidence.wrong
    return {
        "gradient": evidence.gradient,
        "expected": _encode_array(asarray(evidence.expected)),
        "found": None if found is None else _encode_array(asarray(found)),
        "wrong": None if wrong is None else _encode_array(asarray(wrong)),
        "values": {str(name): encode(value) for name, value in evidence.values.items()},
        "probe": evidence.probe,
    }


def frame(message: dict[str, Any]) -> bytes:
    """Write a message as bytes, behind their number."""
    content = dumps(message, ensure_ascii=True).encode("ascii")
    return b"%012d\n" % len(content) + content


# ---- receiving -------------------------------------------------------------------------------


def parse(content: bytes) -> dict[str, Any]:
    """Read a message.

    Raises
    ------
    WireError
        It is no JSON object with an event.
    """
    try:
        message = loads(content)
    except (ValueError, RecursionError):
        raise WireError("no JSON") from None
    return _dict(message)


def decode(value: Any) -> Any:
    """Read a value of a report.

    Raises
    ------
    WireError
        It is none.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    match _dict(value):
        case {"float": str(digits)}:
            return _float(digits)
        case {"list": list(items)}:
            return [decode(item) for item in _list(items)]
        case {"dict": list(items)}:
            return {_text(pair[0]): decode(pair[1]) for pair in map(_pair, _list(items))}
        case {"array": _}:
            return decode_array(value)
        case {"drawn": [shape, low, high, kind]}:
            sizes = tuple(_whole(n) for n in decode(shape))
            return Drawn(sizes, decode(low), decode(high), _text(kind))
    raise WireError("no value")


def decode_array(value: Any) -> Any:
    """Read an array; a text stands for one that could not be sent."""
    if isinstance(value, str):
        return asarray(_text(value), dtype=object)
    entry = _dict(value)
    shape = tuple(_whole(n) for n in _list(entry.get("shape")))
    try:
        kind = dtype(_text(entry.get("dtype")))
        if kind.kind not in "biufc" or math.prod(shape) > _LARGEST or any(n < 0 for n in shape):
            raise WireError("no array of numbers")
        content = b64decode(_unbounded(entry.get("array")), validate=True)
        return frombuffer(content, kind).reshape(shape).copy()
    except (TypeError, ValueError) as error:
        raise WireError("no array") from error


def decode_judgement(value: Any) -> Judgement:
    """Read a judgement."""
    entry = _dict(value)
    verdict = _text(entry.get("verdict"))
    if verdict not in _VERDICTS:
        raise WireError("no verdict")
    shapes = _dict(entry.get("shapes"))
    findings = tuple(map(_decode_finding, _list(entry.get("findings"))))
    if verdict in (CORRECT, CONVENTION) and any(f.verdict == FAULT for f in findings):
        raise WireError("correct, and at fault")
    seconds = entry.get("seconds")
    return Judgement(
        _text(entry.get("name")),
        _text(entry.get("style")),
        _decode_place(entry.get("place")),
        verdict,
        findings,
        _texts(entry.get("gradients")),
        _texts(entry.get("probes")),
        {_text(name): tuple(map(_whole, _list(shape))) for name, shape in shapes.items()},
        _text(entry.get("reason")),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
        tuple(map(_decode_unjudged, _list(entry.get("unjudged")))),
    )


def decode_report(value: Any) -> FileReport:
    """Read a report."""
    entry = _dict(value)
    bystanders = _dict(entry.get("bystanders"))
    return FileReport(
        _text(entry.get("file")),
        tuple(map(decode_judgement, _list(entry.get("judgements")))),
        {_text(name): _decode_place(place) for name, place in bystanders.items()},
        _texts(entry.get("notes")),
    )


def decode_options(value: Any) -> Options:
    """Read options."""
    entry = _dict(value)
    shapes = _dict(entry.get("shapes"))
    return Options(
        {_text(name): tuple(map(_whole, _list(shape))) for name, shape in shapes.items()},
        {_text(name): decode(v) for name, v in _dict(entry.get("values")).items()},
        _text(entry.get("reference")),
        _whole(entry.get("seed")),
        _whole(entry.get("samples")),
        frozenset((_text(p[0]), _whole(p[1])) for p in map(_pair, _list(entry.get("skip")))),
        entry.get("several") is True,
    )


def _decode_unjudged(value: Any) -> Unjudged:
    match _list(value):
        case [function, place, last, branch, reason]:
            at = _decode_place(place)
            return Unjudged(_text(function), at, _whole(last), _text(branch), _text(reason))
    raise WireError("no lines")


def _decode_finding(value: Any) -> Finding:
    entry = _dict(value)
    verdict, cause = _text(entry.get("verdict")), _text(entry.get("cause"))
    if verdict not in _VERDICTS or cause not in {"", *FAULTS, *CONVENTIONS}:
        raise WireError("no finding")
    place, shown = entry.get("place"), entry.get("evidence")
    return Finding(
        verdict,
        cause,
        _text(entry.get("sentence")),
        _text(entry.get("gradient")),
        _text(entry.get("remedy")),
        None if place is None else _decode_place(place),
        None if shown is None else _decode_evidence(shown),
    )


def _decode_evidence(value: Any) -> Evidence:
    entry = _dict(value)
    found, wrong = entry.get("found"), entry.get("wrong")
    return Evidence(
        _text(entry.get("gradient")),
        decode_array(entry.get("expected")),
        None if found is None else decode_array(found),
        None if wrong is None else decode_array(wrong),
        {_text(name): decode(v) for name, v in _dict(entry.get("values")).items()},
        _text(entry.get("probe")),
    )


def _decode_place(value: Any) -> Place:
    parts = _list(value)
    if len(parts) != 3:
        raise WireError("no place")
    return Place(_text(parts[0]), _whole(parts[1]), _text(parts[2]))


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise WireError("no table")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise WireError("no list")
    return value


def _pair(value: Any) -> list[Any]:
    if len(_list(value)) != 2:
        raise WireError("no pair")
    return _list(value)


def _unbounded(value: Any) -> str:
    if not isinstance(value, str):
        raise WireError("no text")
    return value


def _text(value: Any) -> str:
    if len(_unbounded(value)) > _LONGEST:
        raise WireError("a text that is too long")
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) >= 1 << 62:
        raise WireError("no whole number")
    return value


def _float(digits: str) -> float:
    try:
        return float.fromhex(digits)
    except (ValueError, OverflowError):
        raise WireError("no number") from None
