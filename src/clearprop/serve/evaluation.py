"""The worker process, from the side of the server: started, asked, ended, started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from clearprop.check.processes import python_environment

SECONDS = 4.0  #: for one formula
_START = 60.0  #: for Python and NumPy to be imported, on a busy machine
_LARGEST = 1 << 26  # bytes of an answer
_TABS = 100  # whose last request is remembered


class Evaluator:
    """Answers formulas, one at a time, in a process that may end at any moment.

    Parameters
    ----------
    seconds : float
        For one formula; then the process is ended, and the next formula gets a new one.
    command : list of str, optional
        What is started in the place of the worker.
    """

    def __init__(self, seconds: float = SECONDS, command: list[str] | None = None) -> None:
        self.seconds = seconds
        self.command = command or [sys.executable, "-P", "-m", "clearprop.serve.worker"]
        self.process: asyncio.subprocess.Process | None = None
        self.lock = asyncio.Lock()
        self.newest: dict[str, int] = {}

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compute a formula, unless the same tab has asked for another one meanwhile.

        Returns
        -------
        dict
            What `answering.answer` gives; ``{"stale": True}``; or an error that says that the
            process was ended.
        """
        tab, number = str(request.get("tab", ""))[:40], _whole(request.get("number"))
        if len(self.newest) > _TABS:
            self.newest.clear()
        self.newest[tab] = max(number, self.newest.get(tab, 0))
        async with self.lock:
            if number < self.newest.get(tab, 0):
                return {"stale": True}
            return await self._ask(request)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            process = await self._running()
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            await process.stdin.drain()
            found = await self._read(process, self.seconds)
        except TimeoutError:
            await self.close()
            return _ended(f"It took longer than {self.seconds:g} s and was stopped.")
        except (OSError, ValueError, EOFError):
            await self.close()
            return _ended("Its process ended: it needed too much memory or time.")
        return found

    async def _running(self) -> asyncio.subprocess.Process:
        if self.process is not None and self.process.returncode is None:
            return self.process
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=python_environment(),
            limit=_LARGEST,
            start_new_session=True,  # Ctrl-C is for the server, which then ends this
        )
        await self._read(self.process, _START)
        return self.process

    async def _read(self, process: asyncio.subprocess.Process, seconds: float) -> dict[str, Any]:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), seconds)
        if not line.endswith(b"\n"):
            raise EOFError
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("no answer")
        return found

    async def close(self) -> None:
        """End the process, whatever it does."""
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            transport = getattr(process, "_transport", None)
            if transport is not None:
                transport.close()


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _ended(why: str) -> dict[str, Any]:
    write = "smaller arrays, or fewer operations"
    return {"error": {"message": "This was not computed.", "why": why, "write": write}}
