"""Two machines that are one: network namespaces, with a cable between them of a given rate.

It takes root, Linux, and ip, tc and unshare of iproute2 and util-linux.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESSES = "198.18.0.1", "198.18.0.2"  # for benchmarks, by RFC 2544
MPIEXEC = Path(sysconfig.get_path("scripts")) / "mpiexec"
CABLE = "cable"  # on both machines
# for both of the ways in which MPICH may have been built: by no memory that machines do not share
BY_TCP = {
    "MPIR_CVAR_CH4_NETMOD": "ofi",
    "FI_PROVIDER": "tcp",
    "FI_TCP_IFACE": CABLE,
    "UCX_TLS": "tcp",
    "UCX_NET_DEVICES": CABLE,
}
BURST = 32_768  # bytes that go at once
_NAMED = 'echo "$0" > /proc/sys/kernel/hostname; exec "$@"'  # a machine has a name of its own


class Machines:
    """Two machines.

    Parameters
    ----------
    names : tuple of str
    folder : Path
        For what starts a process on one of them.
    """

    def __init__(self, names: tuple[str, str], folder: Path) -> None:
        self.names, self._launcher = names, folder / "launcher"
        cases = [
            f"{address}) name={name};;" for address, name in zip(ADDRESSES, names, strict=True)
        ]
        lines = [
            "#!/bin/sh",
            'while [ "${1#-}" != "$1" ]; do shift; done  # options of ssh',
            f'case "$1" in {" ".join(cases)} esac; shift',
            f"exec ip netns exec $name unshare --uts sh -c '{_NAMED}' $name sh -c \"$*\"",
        ]
        self._launcher.write_text("\n".join(lines) + "\n")
        self._launcher.chmod(0o700)

    def limit(self, rate: str) -> None:
        """Let the cable carry so much, such as ``100mbit``, in each direction."""
        for name in self.names:
            words = f"tc qdisc replace dev {CABLE} root tbf rate {rate} burst {BURST} latency 50ms"
            _do("ip", "netns", "exec", name, *words.split())

    def run(self, words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start a process on each, which talk by MPI over TCP."""
        given = ["-localhost", ADDRESSES[0], "-hosts", ",".join(ADDRESSES), "-n", "2", "-ppn", "1"]
        by = ["-launcher", "ssh", "-launcher-exec", str(self._launcher)]
        first = self.names[0]
        there = ["ip", "netns", "exec", first, "unshare", "--uts", "sh", "-c", _NAMED, first]
        return subprocess.Popen(
            [*there, str(MPIEXEC), *given, *by, *words],
            env={**os.environ, **BY_TCP, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )


@contextmanager
def two_machines() -> Iterator[Machines]:
    """Make them, and take them away again, with what runs there."""
    if os.geteuid():
        raise SystemExit("--check makes network namespaces, which takes root: sudo …")
    names = f"cp{os.getpid()}a", f"cp{os.getpid()}b"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is taken away then, too
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in names:
                _do("ip", "netns", "add", name)
            one, other = names
            _do(
                "ip", "-n", one, "link", "add", CABLE, "type", "veth", "peer", CABLE, "netns", other
            )
            for name, address in zip(names, ADDRESSES, strict=True):
                _do("ip", "-n", name, "address", "add", f"{address}/24", "dev", CABLE)
                for device in ("lo", CABLE):
                    _do("ip", "-n", name, "link", "set", device, "up")
            for name in names:
                _until_up(name)
            yield Machines(names, Path(folder))
        finally:
            for name in names:
                _take_away(name)


def _take_away(name: str) -> None:
    asked = ["ip", "netns", "pids", name]
    left = subprocess.run(asked, check=False, capture_output=True, text=True)
    for pid in map(int, left.stdout.split()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def _until_up(name: str) -> None:
    """Wait until the system calls the cable connected, after which MPI looks: up to a second."""
    until = time.monotonic() + 10
    while "state UP" not in _do("ip", "-n", name, "link", "show", CABLE):
        if time.monotonic() > until:
            raise SystemExit(f"the cable between {name} and the other machine is not up.")
        time.sleep(0.05)


def _do(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(words)}: {done.stderr.strip()}")
    return done.stdout
