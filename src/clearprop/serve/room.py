"""The training room: one training in a thread, orders from the page, news for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from clearprop.data import MNIST
from clearprop.data import mnist as load_mnist
from clearprop.serve.training import NEW_NETWORK, SPEEDS, Settings, Training
from clearprop.serve.views import curves, look, pictures

_CURVES, _PICTURES = 0.2, 1.0  # seconds between two of them, at least
_MOST = 100_000  # updates of one training


def _data() -> MNIST:
    return load_mnist(shape="flat")


class Room:
    """One training at a time. It goes on while somebody looks, and pauses when nobody does.

    Parameters
    ----------
    data : callable
        Gives the digits; called in the thread, when somebody enters.

    Attributes
    ----------
    settings : Settings
    running, closed : bool
    closing : bool
        Set where the server is about to end: those who look are to go.
    """

    def __init__(self, data: Callable[[], MNIST] = _data) -> None:
        self.settings = Settings()
        self.running = False
        self.closing = False
        self.closed = False
        self._load = data
        self._steps = 0
        self._reset = False
        self._seed = 0
        self._problem = ""
        self._listeners = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._news: dict[str, tuple[int, dict[str, Any]]] = {}
        self._tell("state", loading=True)

    # ---- from the page -----------------------------------------------------------------------

    def enter(self) -> None:
        """Somebody looks."""
        with self._changed:
            self._listeners += 1
            if self._thread is None and not self.closed:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def leave(self) -> None:
        """Somebody looks no longer; without anybody it pauses."""
        with self._changed:
            self._listeners -= 1
            if self._listeners <= 0:
                self.running, self._steps = False, 0
                self._tell("state", loading=False)
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self.closed, self.running = True, False
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10.0)

    def order(self, asked: dict[str, Any]) -> str:
        """Do what the page asks; give the problem with it, or nothing.

        Parameters
        ----------
        asked : dict
            ``do``: start, pause, step or reset, or nothing; ``settings``: those to change.
        """
        do, new = asked.get("do", ""), asked.get("settings", {})
        if do not in ("", "start", "pause", "step", "reset") or not isinstance(new, dict):
            return "There is no such order."
        with self._changed:
            before = self.settings
            try:
                self.settings = before.changed(new)
            except (ValueError, TypeError) as error:
                return str(error)
            if do == "reset" or any(
                getattr(before, name) != getattr(self.settings, name) for name in NEW_NETWORK
            ):
                self._reset = True
                self.running = self.running and do != "reset"
            if do == "start" and self._listeners:
                self.running = True
            elif do == "pause":
                self.running = False
            elif do == "step":
                self.running, self._steps = False, self._steps + 1
            self._tell("state", loading=self._thread is None)
            self._changed.notify_all()
        return ""

    def news(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Give what there is to show, by kind: its version, and the data."""
        return dict(self._news)

    # ---- in the thread -----------------------------------------------------------------------

    def _tell(self, kind: str, **data: Any) -> None:
        if kind == "state":
            data |= {
                "running": self.running,
                "settings": asdict(self.settings),
                "problem": self._problem,
            }
        self._news[kind] = self._news.get(kind, (0, {}))[0] + 1, data

    def _run(self) -> None:
        """Train; what ends the thread is told, or the page would wait for ever."""
        try:
            self._train()
        except Exception as error:
            with self._changed:
                self.running, self._thread = False, None  # who enters again tries again
                self._problem = f"The training ended: {error}"
                self._tell("state", loading=False)

    def _train(self) -> None:
        data = self._load()
        self._problem = ""
        training = Training(data, self.settings, self._seed)
        self._show(training)
        with self._changed:
            self._tell("state", loading=False)
        shown = {"curves": 0.0, "pictures": 0.0}
        while True:
            with self._changed:
                while not (self.closed or self._reset or self.running or self._steps):
                    self._changed.wait()
                if self.closed:
                    return
                reset, self._reset = self._reset, False
                step, self._steps = self._steps > 0, max(0, self._steps - 1)
                settings, go = self.settings, step or self.running
            if reset:
                training = Training(data, settings, self._seed)
                self._problem = ""
                self._show(training)
                with self._changed:
                    self._tell("state", loading=False)
            training.change(settings)
            if go:
                self._advance(training, step, shown)

    def _advance(self, training: Training, step: bool, shown: dict[str, float]) -> None:
        """Make an update, show what is due, and wait for the next as the speed has it."""
        if training.iteration < _MOST:
            training.step()
            self._problem = training.problem
        else:
            self._problem = f"{_MOST:,} updates are made: press Reset for a new network."
        now = time.monotonic()
        if step or self._problem or now - shown["pictures"] >= _PICTURES:
            self._show(training)
            shown["pictures"] = shown["curves"] = time.monotonic()
        elif now - shown["curves"] >= _CURVES:
            self._tell("curves", **curves(training))
            shown["curves"] = now
        with self._changed:
            if self._problem:
                self.running, self._steps = False, 0
                self._tell("state", loading=False)
            rate = SPEEDS[training.settings.speed]
            if self.running and rate:
                self._changed.wait(1 / rate)
            paused = not (self.running or step or self._problem)
        if paused:  # what is seen is then what there is
            self._show(training)

    def _show(self, training: Training) -> None:
        look(training)
        self._tell("curves", **curves(training))
        self._tell("pictures", **pictures(training))
