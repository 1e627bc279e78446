"""Check a file in a process of its own, with limits: what it does to itself, it does alone.

The process that executes the file can loop, crash, fork, print gigabytes or use up its memory. What
it had finished by then is kept, the candidate in hand becomes "not judged because …", and a new
process goes on after it. This protects against mistakes, not against attacks: the code can do
what the user who runs it can do.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clearprop.check import wire
from clearprop.check.handwritten.model import NOT_JUDGED, FileReport, Judgement, Place
from clearprop.check.handwritten.options import Options
from clearprop.check.processes import WorkerProcess
from clearprop.check.reports.words import FILE_STYLE
from clearprop.check.worker import JUDGE, write_request
from clearprop.errors import OptionError

_POLL = 0.02  # seconds between two looks at the answer
_START = 120.0  # seconds for Python, NumPy and clearprop to be imported, on a busy machine
_LARGEST = 1 << 28  # bytes of an answer


def check_file_isolated(
    path: str | Path,
    options: Options | None = None,
    *,
    names: Sequence[str] = (),
    seconds: float = 10.0,
    megabytes: int = 2048,
    file_seconds: float | None = None,
    judge: str = JUDGE,
) -> FileReport:
    """Check one file in processes of its own.

    Parameters
    ----------
    path : path
        The file; it is executed.
    options : Options, optional
        Shapes, values, a reference, a seed.
    names : sequence of str
        Only these candidates; all where there are none.
    seconds : float, default 10
        For loading the file, and again for each candidate.
    megabytes : int, default 2048
        Of memory, where the platform can limit it (Linux); elsewhere a note says that it cannot.
    file_seconds : float, optional
        For the whole file; 30 times ``seconds`` by default.
    judge : str
        ``module:function``, called with the path, the names and the options. It gives
        `Judgement` objects, and first a `FileReport` whose judgements name all that it will judge,
        by the same names and lines: so it is known which one was in hand when a process ended.

    Returns
    -------
    FileReport
        What was finished, and the reason for all that was not.

    Raises
    ------
    OptionError
        The request was wrong: a name that is not in the file.
    """
    whole = 30 * seconds if file_seconds is None else file_seconds
    limits = _Limits(seconds, whole, megabytes)
    return _check(path, options or Options(), tuple(names), limits, judge, threading.Event())


def check_files_isolated(
    requests: Sequence[tuple[str | Path, Sequence[str]]],
    options: Options | None = None,
    *,
    jobs: int = 1,
    **limits: Any,
) -> Iterator[FileReport]:
    """Check several files, so many at a time; the reports come in the order of the files.

    Parameters
    ----------
    requests : sequence of (path, names)
        The files, and which candidates of each.
    options, **limits
        As of `check_file_isolated`.
    jobs : int, default 1
        So many at a time.
    """
    if jobs == 1:
        for path, names in requests:
            yield check_file_isolated(path, options, names=names, **limits)
        return
    stop = threading.Event()
    seconds = limits.get("seconds", 10.0)
    bounds = _Limits(
        seconds, limits.get("file_seconds") or 30 * seconds, limits.get("megabytes", 2048)
    )
    judge = limits.get("judge", JUDGE)

    def check(request: tuple[str | Path, Sequence[str]]) -> FileReport:
        return _check(request[0], options or Options(), tuple(request[1]), bounds, judge, stop)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(check, requests)
        except BaseException:  # Ctrl-C reaches this thread only: the others must hear of it
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def can_limit_memory() -> bool:
    """Whether the platform keeps a process from using more memory than it may."""
    return sys.platform.startswith(("linux", "freebsd"))


@dataclass(frozen=True)
class _Limits:
    """Seconds for loading and for each candidate, seconds for the whole file, megabytes."""

    seconds: float
    file_seconds: float
    megabytes: int


@dataclass
class _State:
    """What is known of a file so far."""

    file: str
    planned: dict[tuple[str, int], Judgement] = field(default_factory=dict)
    finished: dict[tuple[str, int], Judgement] = field(default_factory=dict)
    bystanders: dict[str, Place] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)  # an ordered set
    loaded: bool = False  # by the worker at hand

    def hear(self, message: dict[str, Any]) -> None:
        """Take in what the worker says."""
        match message.get("event"):
            case "report":
                report = wire.decode_report(message.get("report"))
                self.loaded = True
                for judgement in report.judgements:
                    self.planned.setdefault(_key(judgement), judgement)
                self.bystanders.update(report.bystanders)
                self.notes.update(dict.fromkeys(report.notes))
            case "judgement":
                judgement = wire.decode_judgement(message.get("judgement"))
                self.finished.setdefault(_key(judgement), judgement)
            case other:
                raise wire.WireError(f"no event: {str(other)[:50]}")

    def blame(self, reason: str) -> bool:
        """Give the reason to the candidate in hand; say whether there are more to go on with."""
        if self.planned and not self.loaded:
            return False  # it is about loading the file, the second time
        for key, planned in self.planned.items():
            if key not in self.finished:
                self.finished[key] = _unjudged(planned, reason)
                return any(key not in self.finished for key in self.planned)
        if not self.planned:
            name = Path(self.file).name
            judgement = Judgement(name, FILE_STYLE, Place(self.file, 1), NOT_JUDGED, reason=reason)
            self.finished["", 0] = judgement
        else:
            self.notes[f"after the last judgement: {reason}."] = None
        return False

    def report(self, reason: str) -> FileReport:
        """Join all; what is not finished was not judged, for this reason."""
        rest = {k: _unjudged(p, reason) for k, p in self.planned.items() if k not in self.finished}
        together = {**self.planned, **self.finished, **rest}
        return FileReport(self.file, tuple(together.values()), self.bystanders, tuple(self.notes))


def _key(judgement: Judgement) -> tuple[str, int]:
    return judgement.name, judgement.place.line


def _unjudged(planned: Judgement, reason: str) -> Judgement:
    return replace(planned, verdict=NOT_JUDGED, findings=(), reason=reason)


def _check(
    path: str | Path,
    options: Options,
    names: tuple[str, ...],
    limits: _Limits,
    judge: str,
    stop: threading.Event,
) -> FileReport:
    """Start workers until one comes to its end, or nobody knows what to go on with."""
    state = _State(str(path))
    ends = time.monotonic() + limits.file_seconds
    if not can_limit_memory():
        state.notes["the memory is not limited: this platform cannot."] = None
    while not stop.is_set():
        state.loaded = False
        request = {
            "path": state.file,
            "names": list(names),
            "options": wire.encode_options(
                replace(options, skip=options.skip | frozenset(state.finished))
            ),
            "megabytes": limits.megabytes,
            "seconds": int(limits.file_seconds) + int(_START),
            "judge": judge,
        }
        reason = _run_once(state, request, limits.seconds, ends, stop)
        if reason is None:
            return state.report("the judging came to its end without it")
        if time.monotonic() >= ends:
            return state.report(f"the time for the whole file, {limits.file_seconds:g} s, was over")
        if not state.blame(reason):
            return state.report(reason)
    return state.report("the check was stopped")


def _run_once(
    state: _State, request: dict[str, Any], seconds: float, ends: float, stop: threading.Event
) -> str | None:
    """Run one worker to its end; say why it ended early, or None."""
    with tempfile.TemporaryDirectory(prefix="clearprop-", ignore_cleanup_errors=True) as folder:
        answer = Path(folder, "answer")
        answer.touch()
        write_request(str(Path(folder, "request.json")), {**request, "answer": str(answer)})
        with answer.open("rb") as file, WorkerProcess(folder) as worker:
            try:
                return _listen(worker, _messages(file, worker), state, seconds, ends, stop)
            except OptionError:
                raise
            except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
                return "what its process sent back cannot be read"


def _listen(
    worker: WorkerProcess,
    messages: Iterator[dict[str, Any] | None],
    state: _State,
    seconds: float,
    ends: float,
    stop: threading.Event,
) -> str | None:
    limit = time.monotonic() + _START
    for message in messages:
        now = time.monotonic()
        if stop.is_set():
            return "the check was stopped"
        if now > ends or (message is None and now > limit):
            return f"it did not end within {seconds:g} s"
        if message is None:
            continue
        limit = now + seconds
        match message.get("event"):
            case "ready":
                pass
            case "done":
                return None
            case "failed":
                return str(message.get("reason"))[:1000]
            case "refused":
                raise _refusal(message)
            case _:
                state.hear(message)
    return worker.how_it_ended()


def _messages(file: Any, worker: WorkerProcess) -> Iterator[dict[str, Any] | None]:
    """Read messages as they come; None from time to time while there are none."""
    buffer, total = b"", 0
    while True:
        alive = worker.is_alive()  # asked first: what it wrote before its end is read
        data = file.read(1 << 20)
        buffer += data
        total += len(data)
        if total > _LARGEST:
            raise wire.WireError("too much")
        while len(buffer) >= 13:
            if not (buffer[:12].isdigit() and buffer[12:13] == b"\n"):
                raise wire.WireError("no length")
            end = 13 + int(buffer[:12])
            if len(buffer) < end:
                break
            yield wire.parse(buffer[13:end])
            buffer = buffer[end:]
        if not data:
            if not alive:
                return
            yield None
            worker.wait(_POLL)


def _refusal(message: dict[str, Any]) -> OptionError:
    what, *rest = (message.get(key) for key in ("what", "where", "why", "write"))
    where, why, write = (str(part)[:2000] if part else None for part in rest)
    return OptionError(str(what)[:2000], where=where, why=why, write=write)
