"""Signs of life between processes: one that dies, stops or fails ends the run on all of them.

MPI waits for a process that will never answer. So each of them has a thread and a connection to the
first one; over it goes a byte now and then, and at the end a word. A connection that breaks is a
process that died; one that is silent, a process that hangs, was stopped, or cannot be reached.
"""

from __future__ import annotations

import hmac
import os
import secrets
import selectors
import socket
import struct
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from clearprop.train.parallel.processes import Processes

_BEAT, _DONE, _FAILED = b".", b"d", b"f"
_CONNECTING = 10.0  # seconds
_GRACE = 3.0  # seconds: a failure that all have at once needs nobody to end the others
_READING = 2.0  # seconds
_KEY, _SIGNED = 32, 32  # bytes
_SIOCGIFADDR = 0x8915  # Linux: the address of a network interface


class Guard:
    """From now on, a process that is lost ends all others within seconds, and is named.

    Parameters
    ----------
    processes : Processes
        Each of them makes a guard.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._silence = processes.silence
        self._hosts = processes.collect(processes.host)
        self._peers: dict[socket.socket, int] = {}
        self._heard: dict[socket.socket, float] = {}
        self._over = threading.Event()
        self._alone = threading.Event()  # nobody waits for this process, and it for nobody
        self._alone.set()
        self._failing = threading.Event()
        self._failed: dict[socket.socket, float] = {}  # others, and when
        self._connect()
        self._thread = threading.Thread(target=self._watch, name="clearprop-guard", daemon=True)
        if self._peers:
            self._thread.start()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, an exception on one process ends all, if the others do not have it as well."""
        self._failing.clear()
        self._alone.clear()
        try:
            yield
        except BaseException:
            self.fails()
            raise
        finally:
            self._alone.set()

    def fails(self) -> None:
        """Say that this process has an exception; and wait for nobody who has one."""
        if not self._failing.is_set():
            self._failing.set()
            for peer in self._peers:
                _say(peer, _FAILED)

    def close(self) -> None:
        """Watch no longer; the others know that nothing is wrong."""
        self._over.set()
        if self._peers:
            self._thread.join()
        for peer in self._peers:
            _say(peer, _DONE)
            peer.close()

    # ---- connections -------------------------------------------------------------------------

    def _connect(self) -> None:
        """Connect all others with the first one, or warn that nobody watches."""
        processes, reason, offer = self._processes, "", None
        with socket.socket() as listener:
            if processes.is_first:
                try:
                    _allow_files(processes.size)
                    listener.bind(("", 0))
                    listener.listen(processes.size)
                    offer = _addresses(), listener.getsockname()[1], secrets.token_bytes(_KEY)
                except OSError as error:
                    reason = f"process 0 on {processes.host}: {error}"
            offer = processes.agree(offer)
            try:
                if offer is not None and processes.is_first:
                    self._accept(listener, offer[2])
                elif offer is not None:
                    self._call(*offer)
            except OSError as error:
                reason = f"process {processes.rank} on {processes.host}: {error}"
        failed = [each for each in processes.collect(reason) if each]
        if failed:
            for peer in self._peers:
                peer.close()
            self._peers.clear()
            if processes.is_first:
                warnings.warn(
                    f"train: nobody watches over the processes: {failed[0]}. Why: a process that "
                    "dies or hangs is found over a connection of its own, which is not there. "
                    "The run goes on; what is lost is found by MPI, or not.",
                    RuntimeWarning,
                    stacklevel=4,
                )
        now = time.monotonic()
        self._heard = dict.fromkeys(self._peers, now)

    def _accept(self, listener: socket.socket, key: bytes) -> None:
        """Take those who know the key; whoever else calls is left alone."""
        until = time.monotonic() + _CONNECTING
        while len(self._peers) < self._processes.size - 1:
            listener.settimeout(max(0.01, until - time.monotonic()))
            peer, _ = listener.accept()
            peer.settimeout(_READING)
            try:
                said = _read(peer, 4 + _SIGNED)
                rank, signed = said[:4], said[4:]
                if not hmac.compare_digest(signed, _sign(key, b"from", rank)):
                    raise OSError("it does not know the key")
                peer.sendall(_sign(key, b"to", rank))
            except OSError:
                peer.close()
                continue
            self._peers[peer] = int.from_bytes(rank, "big")

    def _call(self, addresses: list[str], port: int, key: bytes) -> None:
        """Call the first process, under the addresses that it may have."""
        trouble = OSError("there is no address of the first process")
        rank = self._processes.rank.to_bytes(4, "big")
        if self._hosts[0] == self._processes.host:
            addresses = [*addresses, "127.0.0.1"]
        for address in addresses:
            try:
                peer = socket.create_connection((address, port), _READING)
            except OSError as error:
                trouble = error
                continue
            try:
                peer.settimeout(_CONNECTING)  # others may be before us, and strangers
                peer.sendall(rank + _sign(key, b"from", rank))
                if not hmac.compare_digest(_read(peer, _SIGNED), _sign(key, b"to", rank)):
                    raise OSError(f"{address} is somebody else")
            except OSError as error:
                trouble = error
                peer.close()
                continue
            self._peers[peer] = 0
            return
        raise trouble

    # ---- watching ----------------------------------------------------------------------------

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            for peer in self._peers:
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ)
            woke = time.monotonic()
            while not self._over.is_set():
                for peer in self._heard:
                    _say(peer, _BEAT)
                ready = [key.fileobj for key, _ in selector.select(min(1.0, self._silence / 4))]
                now = time.monotonic()
                if now - woke > self._silence / 2:  # it was stopped itself, as all may have been
                    self._heard = dict.fromkeys(self._heard, now)
                woke = now
                if lost := self._listen(ready, selector) or self._waited():
                    self._end(*lost)
                    return

    def _listen(
        self, ready: Sequence[Any], selector: selectors.BaseSelector
    ) -> tuple[socket.socket, str] | None:
        """Read what others have said; give one that is lost, and why."""
        for peer in ready:
            try:
                said = peer.recv(4096)
            except OSError:
                said = b""
            self._heard[peer] = time.monotonic()
            if _DONE in said:
                selector.unregister(peer)
                del self._heard[peer]
            elif _FAILED in said:
                self._failed.setdefault(peer, time.monotonic())
            elif not said:
                return peer, "is no longer there: it was killed, or crashed"
        return None

    def _waited(self) -> tuple[socket.socket, str] | None:
        """Give one for which this process would wait in vain, and why."""
        now = time.monotonic()
        if self._alone.is_set():
            self._failed.clear()
        for peer, when in self._failed.items():
            if not self._failing.is_set() and now - when > _GRACE:  # most failures are those of all
                return peer, "ended with an error"
        for peer, when in self._heard.items():
            if now - when > self._silence:
                text = f"has given no sign of life for {self._silence:g} seconds: it was stopped, "
                return peer, f"{text}hangs, or its machine cannot be reached"
        return None

    def _end(self, peer: socket.socket, what: str) -> None:
        """Say what is lost, and end this process, and through MPI all others."""
        if self._over.is_set():
            return
        rank = self._peers[peer]
        text = (
            f"\nclearprop: process {rank} on {self._hosts[rank]} {what}. The run ends, on all "
            f"{self._processes.size} processes. With checkpoints, --resume or resume=True goes on "
            "from the last one, on as many processes or fewer.\n"
        )
        os.write(sys.stderr.fileno(), text.encode())  # mpiexec may end us any moment
        threading.Timer(2.0, os._exit, (1,)).start()
        self._processes.end(1)


def _addresses() -> list[str]:
    """Give what the others may find this machine under, the surest first.

    What its name means is known to itself as 127.0.1.1, on many systems, and to the others not at
    all, or after seconds: so the addresses of its networks come before the name.
    """
    name = socket.gethostname()
    found: list[str] = []
    with suppress(OSError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(name, None, socket.AF_INET)]
    found = [address for address in found + _of_networks() if not address.startswith("127.")]
    return list(dict.fromkeys([*found, name, socket.getfqdn()]))


def _of_networks() -> list[str]:
    """Give the addresses of the networks that this machine is in, as far as Linux says them."""
    found = []
    with suppress(ImportError, OSError), socket.socket() as any_socket:
        from fcntl import ioctl

        for _, name in socket.if_nameindex():
            with suppress(OSError):  # it has no address
                request = struct.pack("256s", name.encode()[:15])
                found.append(socket.inet_ntoa(ioctl(any_socket, _SIOCGIFADDR, request)[20:24]))
    return found


def _sign(key: bytes, way: bytes, rank: bytes) -> bytes:
    return hmac.digest(key, way + rank, "sha256")


def _allow_files(count: int) -> None:
    """Let this process have so many connections, where the system's first limit is lower."""
    with suppress(ImportError, ValueError):
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

        soft, hard = getrlimit(RLIMIT_NOFILE)
        wanted = count + 256
        if RLIM_INFINITY != soft < wanted:
            setrlimit(RLIMIT_NOFILE, (wanted if hard == RLIM_INFINITY else min(hard, wanted), hard))


def _read(peer: socket.socket, count: int) -> bytes:
    said = b""
    while len(said) < count:
        part = peer.recv(count - len(said))
        if not part:
            raise OSError("a connection was closed")
        said += part
    return said


def _say(peer: socket.socket, word: bytes) -> None:
    with suppress(OSError):  # reading says what is wrong
        peer.send(word)
