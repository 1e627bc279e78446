"""Signals are noted, the second is obeyed, and afterwards all is as before."""

from __future__ import annotations

import signal

import pytest

from clearprop.train import Stopping


def test_the_first_is_noted_and_the_second_obeyed() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Stopping() as stopping:
        assert stopping.received is None
        signal.raise_signal(signal.SIGTERM)
        assert stopping.received is signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Stopping() as stopping:
            signal.raise_signal(signal.SIGTERM)
        assert stopping.received is None
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
