"""Ending between two iterations when the user or the system asks for it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stopping:
    """Inside ``with``, a signal to end is noted instead of obeyed; a second one is obeyed.

    An exception in the middle of an update would leave half of it; a note is read between two.
    Signals that were ignored before (SIGHUP under ``nohup``) stay ignored.

    It is a watcher for `fit` as well, which ends the run; of several processes each has its own.

    Attributes
    ----------
    received : signal.Signals or None
        SIGINT (Ctrl-C), SIGTERM or SIGHUP, once it has come.

    Examples
    --------
    >>> with Stopping() as stopping:
    ...     signal.raise_signal(signal.SIGINT)
    >>> stopping.received.name
    'SIGINT'
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._noted: signal.Signals | None = None  # by this process
        self._is_shared = False
        self._before: dict[int, Any] = {}

    def __call__(self, metrics: Any) -> bool:
        """Say whether to end."""
        return self.received is not None

    def share(self, collect: Callable[[Any], list[Any]]) -> None:
        """Hear of a signal that a process has got, at the same update as all others."""
        self._is_shared = True
        found = [each for each in collect(self._noted) if each is not None]
        if found and self.received is None:
            self.received = found[0]

    def next_look(self, done: int) -> int:
        """No update matters; it is looked at several times a second."""
        return sys.maxsize

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():  # Python's own condition
            for number in _SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._noted is not None:
            self.__exit__()
            raise KeyboardInterrupt
        self._noted = signal.Signals(number)
        if not self._is_shared:
            self.received = self._noted
