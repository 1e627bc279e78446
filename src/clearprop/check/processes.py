"""A worker process, what it prints, and the end of it and of all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clearprop

_KEPT = 20_000  # bytes of what the file printed
_MARK = "CLEARPROP_CHECK_WORKER"  # in the environment of the worker and of all that it starts


class WorkerProcess:
    """A process that answers the request in a folder; leaving the context ends it.

    Parameters
    ----------
    folder : str
        With the ``request.json`` that `clearprop.check.worker` reads.
    """

    def __init__(self, folder: str) -> None:
        self.mark = os.path.basename(folder)  # noqa: PTH119 - made by tempfile
        command = [sys.executable, "-P", "-m", "clearprop.check.worker", f"{folder}/request.json"]
        environment = {
            **python_environment(),
            "MPLBACKEND": "Agg",  # plt.show() of a notebook opens no window
            _MARK: self.mark,
        }
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            **_own_group(),
        )
        self.printed = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Read what is printed, or the pipe would fill; keep the beginning."""
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self.process.stdout.fileno(), 1 << 16):
                self.printed += data[: max(0, _KEPT - len(self.printed))]

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        _kill_group(self.process)
        self.process.wait()
        _kill_marked(self.mark)
        self.reader.join(timeout=1.0)  # a process that got away may hold the pipe open
        if not self.reader.is_alive() and self.process.stdout is not None:
            self.process.stdout.close()

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than this."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def how_it_ended(self) -> str:
        """Say how the process ended, in words."""
        code = self.process.wait()
        if code < 0:
            try:
                name = f" ({signal.Signals(-code).name})"
            except ValueError:
                name = ""
            return f"the process was ended by signal {-code}{name}"
        self.reader.join(timeout=1.0)
        last = self.printed.decode("utf-8", "replace").strip().splitlines()
        if b"clearprop/check/worker.py" in self.printed.replace(b"\\", b"/") and last:
            return f"its process ended with exit code {code}: {last[-1][:300]}"
        return f"its code ended the process with exit code {code}"


def python_environment() -> dict[str, str]:
    """Give the environment in which a Python that is started finds this very clearprop."""
    source = str(Path(clearprop.__file__).parents[1])
    installed = source in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    paths = [] if installed else [source]  # a path that is given goes before Python's own
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "OPENBLAS_NUM_THREADS": "1",  # the buffers of each count as memory
        "OMP_NUM_THREADS": "1",
    }


def _own_group() -> dict[str, Any]:
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children; SIGKILL cannot be ignored."""
    kill: Callable[[int, int], None] | None = getattr(os, "killpg", None)
    if kill is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        with contextlib.suppress(OSError):  # Windows: with all that it started
            command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, check=False)
    with contextlib.suppress(OSError):
        process.kill()


def _kill_marked(mark: str) -> None:
    """Kill what left the group, where the system shows the environments of processes (Linux)."""
    wanted = f"{_MARK}={mark}".encode()
    for _ in range(20):  # what forks meanwhile is found by the next look
        found = [int(p.name) for p in Path("/proc").glob("[0-9]*") if _has(p / "environ", wanted)]
        if not found:
            return
        for number in found:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)


def _has(path: Path, wanted: bytes) -> bool:
    try:
        return wanted in path.read_bytes().split(b"\0")
    except OSError:
        return False
