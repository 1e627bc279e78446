"""The process that executes somebody's file: ``python -m clearprop.check.worker REQUEST``.

`clearprop.check.isolation` starts it. REQUEST is a JSON file: which file, names and options, and
where to write the answer. The answer is a file of messages, each behind its length:

=============  =====================================================================
``ready``      all of ours is imported; from here on the time is that of the file
``report``     a `FileReport` with what is to be judged: its judgements say so
``judgement``  one is finished
``refused``    the request was wrong
``failed``     the judging itself ended with an exception
``done``       all are finished
=============  =====================================================================
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from clearprop.check import wire
from clearprop.check.handwritten.model import FileReport, Judgement
from clearprop.errors import DataError, OptionError, UnknownNameError

#: What is called, unless the request says otherwise.
JUDGE = "clearprop.check.handwritten.judging:judge_candidates"

_LARGEST = 1 << 26  # bytes of a message
_LARGEST_FILE = 1 << 30  # bytes
_MORE_PROCESSES = 512  # than run on the machine already
_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)  # Windows would change newlines


class _Answer:
    """The file of messages. What it needs is bound here, before the user's code can change it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.owner = os.getpid()
        self.descriptor = -1
        self._open, self._write, self._close = os.open, os.write, os.close
        self._pid, self._exit = os.getpid, os._exit
        self._frame = wire.frame

    def send(self, event: str, **content: Any) -> None:
        """Append a message; a process that the user's code forked off ends here instead."""
        if self._pid() != self.owner:
            self._exit(0)
        data = self._frame({"event": event, **content})
        if len(data) > _LARGEST:
            data = self._frame({"event": "failed", "reason": "its report is too large"})
        descriptor = self._open(self.path, _FLAGS)  # each time: the code may close all it finds
        try:
            while data:
                data = data[self._write(descriptor, data) :]
        finally:
            self._close(descriptor)


def main(arguments: list[str] | None = None) -> int:
    """Judge the candidates of one file, and send each judgement as soon as it is there."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    with open(path, "rb") as file:  # noqa: PTH123 - nothing more is needed
        request = wire.parse(file.read())
    answer = _Answer(str(request["answer"]))
    set_limits(int(request["megabytes"]), int(request["seconds"]))
    options = wire.decode_options(request["options"])
    judge = _find(str(request.get("judge") or JUDGE))
    answer.send("ready")
    begun = False
    try:
        for item in judge(str(request["path"]), tuple(request["names"]), options):
            begun = True
            if isinstance(item, FileReport):
                answer.send("report", report=wire.encode_report(item))
            elif isinstance(item, Judgement):
                answer.send("judgement", judgement=wire.encode_judgement(item))
    except (OptionError, UnknownNameError, DataError) as error:  # those of a request
        parts = {key: getattr(error, key) for key in ("what", "where", "why", "write")}
        if not begun:
            answer.send("refused", **parts)
            return 0
        answer.send("failed", reason=_described(error))
    except MemoryError:
        answer.send("failed", reason=f"it needs more than {request['megabytes']} MB of memory")
    except BaseException as error:  # sys.exit() in the user's code is one, too
        answer.send("failed", reason=_described(error))
    else:
        answer.send("done")
    return 0


def _described(error: BaseException) -> str:
    with contextlib.suppress(BaseException):
        return f"{type(error).__name__} ended it: {str(error)[:500]}"
    return f"{type(error).__name__} ended it"


def _find(dotted: str) -> Callable[..., Any]:
    module, _, name = dotted.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def set_limits(megabytes: int, seconds: int) -> None:
    """Limit what this process can take from the machine, where that is possible; leave no dump.

    The processor time is for the case that whoever started this process is gone. The number of
    processes is one of the user, all others included; the superuser has no such limit.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: _LARGEST_FILE,
        resource.RLIMIT_AS: megabytes << 20,  # macOS knows the name and refuses it
    }
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/loadavg", "rb") as file:  # noqa: PTH123
            tasks = int(file.read().split()[3].split(b"/")[1])
        limits[resource.RLIMIT_NPROC] = tasks + _MORE_PROCESSES
    for kind, limit in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))


def write_request(path: str, request: dict[str, Any]) -> None:
    """Write what `main` reads."""
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        json.dump(request, file)


def _end(code: int) -> None:
    """End at once: threads and exit handlers of the user's code are not waited for."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main())
