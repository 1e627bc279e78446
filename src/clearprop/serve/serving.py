"""The server itself: on this machine alone, at an address with a secret in it."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from clearprop.errors import OptionError
from clearprop.extras import require
from clearprop.serve.gate import leading_to

HOST = "127.0.0.1"  #: the loopback, and nothing else: there is no option for it


def listen(port: int) -> socket.socket:
    """Take a port of the loopback; 0 takes a free one.

    Raises
    ------
    OptionError
        The port is taken, or not allowed.
    """
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
    except (OSError, OverflowError) as error:
        taken.close()
        raise OptionError(
            f"--port {port}: it cannot be listened on: {getattr(error, 'strerror', '') or error}.",
            why="another program may have it, or it needs rights that you do not have.",
            write="--port 0 for a free one",
        ) from error
    taken.listen(64)
    return taken


def serve(port: int, browser: bool, say: Callable[[str], None]) -> None:
    """Serve the playground until Ctrl-C.

    Parameters
    ----------
    port : int
        0 for a free one.
    browser : bool
        Whether to open the page.
    say : callable
        Prints a line.

    Raises
    ------
    MissingExtraError
        A package of the extra ``serve`` is not there.
    OptionError
        The port cannot be had.
    """
    require("starlette", "serve", "answers the browser")
    require("uvicorn", "serve", "listens for it")
    import uvicorn

    from clearprop.serve.app import make_app
    from clearprop.serve.room import Room

    room = Room()

    class Server(uvicorn.Server):
        """Ends the streams when it is told to end: they have no end of their own."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            room.closing = True
            super().handle_exit(sig, frame)

    with listen(port) as taken:
        number = taken.getsockname()[1]
        token = secrets.token_urlsafe(32)
        address = f"http://{HOST}:{number}/?token={token}"
        say(f"The playground: {address}\nIt is there for this machine alone. Ctrl-C ends it.")
        config = uvicorn.Config(
            make_app(number, token, room=room),
            log_level="warning",
            access_log=False,  # it would have the token in it
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=3,
        )
        with tempfile.TemporaryDirectory(prefix="clearprop-") as folder:
            if browser:
                _open(address, folder)
            Server(config).run(sockets=[taken])


def _open(address: str, folder: str) -> None:
    """Open the page in the browser, by way of a file that nobody else can read.

    The command line of the browser is there for everybody on the machine: no token stands in it.
    """
    file = Path(folder, "playground.html")
    file.touch(mode=0o600)
    file.write_text(leading_to(address), encoding="utf-8")
    threading.Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()
