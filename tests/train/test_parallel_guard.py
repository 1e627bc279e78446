"""What looks after processes: on threads in their place, with real connections."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from typing import Any

import pytest

from clearprop.train import Stopping
from clearprop.train.parallel import guard as guards
from clearprop.train.parallel.guard import Guard
from clearprop.train.parallel.processes import Processes


class Team:
    """Threads that say words to each other."""

    def __init__(self, size: int) -> None:
        self.size, self.barrier = size, threading.Barrier(size)
        self.said: list[Any] = [None] * size


class Member(Processes):
    """A process that is a thread, and is asked to end instead of ending."""

    def __init__(self, rank: int, team: Team, silence: float = 30.0) -> None:
        super().__init__(None, 8, False, silence)
        self.rank, self.size, self.is_first, self.team = rank, team.size, rank == 0, team
        self.ended = threading.Event()

    def collect(self, value: Any) -> list[Any]:
        self.team.said[self.rank] = value
        self.team.barrier.wait(30)
        found = list(self.team.said)
        self.team.barrier.wait(30)
        return found

    def agree(self, value: Any) -> Any:
        return self.collect(value)[0]

    def end(self, code: int) -> None:
        self.ended.set()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a guard says, instead of ending this process."""
    found: list[str] = []
    monkeypatch.setattr(guards.os, "write", lambda _, text: found.append(text.decode()))
    monkeypatch.setattr(guards.threading, "Timer", lambda *_: threading.Thread())
    return found


def guarded(size: int, **options: Any) -> list[tuple[Member, Guard]]:
    team, made = Team(size), [None] * size

    def run(rank: int) -> None:
        member = Member(rank, team, **options)
        made[rank] = member, Guard(member)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def test_an_end_is_no_loss(said):
    for _, guard in reversed(guarded(3)):
        guard.close()
    assert not said


def test_who_is_gone_is_named(said):
    (first, guard), (_, third), (_, other) = guarded(3)
    other._over.set()  # it no longer speaks
    other._thread.join()
    for peer in other._peers:
        peer.close()
    assert first.ended.wait(20)
    assert "process 2 on " in said[0]
    assert "is no longer there" in said[0]
    guard.close()
    third.close()


def test_who_is_silent_is_named(said):
    (first, guard), (_, other) = guarded(2, silence=0.5)
    other._over.set()
    assert first.ended.wait(20)
    assert "process 1 on " in said[0]
    assert "no sign of life for 0.5 seconds" in said[0]
    guard.close()
    other.close()


def test_a_pause_of_all_is_no_loss(said, monkeypatch):
    made = guarded(2, silence=0.5)
    kind = guards.selectors.DefaultSelector
    select, paused, both = kind.select, set(), threading.Event()

    def select_and_pause(selector, timeout=None):
        if selector in paused:
            return select(selector, timeout)
        paused.add(selector)
        if len(paused) == 2:
            both.set()
        time.sleep(1.5)
        return []

    monkeypatch.setattr(kind, "select", select_and_pause)
    assert both.wait(20)
    time.sleep(3)
    for _, guard in reversed(made):
        guard.close()
    assert not said


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_failure_of_one_ends_the_others_and_one_of_all_does_not(all_of_them, said, monkeypatch):
    monkeypatch.setattr(guards, "_GRACE", 0.2)
    (first, guard), (_, other) = guarded(2, silence=2.0)
    with guard.together():
        with pytest.raises(ZeroDivisionError), other.together():
            raise ZeroDivisionError
        if all_of_them:
            guard.fails()  # it is still saving
        assert first.ended.wait(1.5) is not all_of_them
    assert [text for text in said if "process 1 on" in text and "ended with an error" in text] or (
        all_of_them and not said
    )
    other.close()
    guard.close()


def test_strangers_are_left_alone(said, monkeypatch):
    monkeypatch.setattr(guards, "_READING", 0.3)
    listen = socket.socket.listen
    strangers = []

    def listened(listener: socket.socket, count: int) -> None:
        listen(listener, 10)
        for text in (b"", b"x" * 36, None):
            stranger = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
            strangers.append(stranger)
            if text is not None:
                stranger.sendall(text)
                stranger.shutdown(socket.SHUT_WR)

    monkeypatch.setattr(socket.socket, "listen", listened)
    for member, guard in guarded(2):
        assert len(guard._peers) == 1, member
        guard.close()
    for stranger in strangers:
        stranger.close()


def test_a_signal_is_that_of_all_and_none_is_lost():
    with Stopping() as stopping:
        stopping.share(lambda own: [own, None])
        assert not stopping(None)
        stopping.share(lambda own: [own, signal.SIGTERM])
        assert stopping.received is signal.SIGTERM
        signal.raise_signal(signal.SIGTERM)  # our own comes later: it is no second one
        assert stopping(None)
    with Stopping() as stopping:

        def while_waiting(own: Any) -> list[Any]:
            if own is None:
                signal.raise_signal(signal.SIGINT)
                time.sleep(0)
            return [own, None]

        stopping.share(while_waiting)
        assert not stopping(None)  # the others have not heard of it
        stopping.share(while_waiting)
        assert stopping.received is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_addresses_of_networks_come_before_a_name_that_others_may_not_know(monkeypatch):
    def told(*_: Any) -> list[Any]:  # what many systems say of their own name
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.1.1", 0))]

    monkeypatch.setattr(guards, "_of_networks", lambda: ["127.0.0.1", "10.1.2.3"])
    monkeypatch.setattr(guards.socket, "gethostname", lambda: "node7")
    monkeypatch.setattr(guards.socket, "getfqdn", lambda: "node7.cluster")
    monkeypatch.setattr(guards.socket, "getaddrinfo", told)
    assert guards._addresses() == ["10.1.2.3", "node7", "node7.cluster"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked for its networks")
def test_this_machine_is_asked_for_its_networks():
    assert "127.0.0.1" in guards._of_networks()
