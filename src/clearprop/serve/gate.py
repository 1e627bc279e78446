"""Who is let in: the browser of whoever started the server, and nobody else.

Three doors, one behind the other. The *address*: the Host must be this one, so that a page
elsewhere whose name was made to point here (DNS rebinding) gets nothing. The *ticket*: the token
that was printed, or the cookie that it was changed for. The *sender*: what changes something must
come from our own page.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import parse_qs

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

LARGEST_BODY = 64 * 1024  #: bytes of a request
HEADER = "x-clearprop-token"  #: the token, from programs

#: What a page of ours may do: show itself, ask this server, hold a picture. Nothing from elsewhere.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

_HELP = "Open the address that `clearprop serve` printed in its terminal."


def leading_to(address: str) -> str:
    """Write a page that leads to another one."""
    shown = escape(address, quote=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>clearprop</title>'
        '<link rel="icon" href="data:,">'
        f'<meta http-equiv="refresh" content="0;url={shown}"></head>'
        f'<body><p><a href="{shown}">To the playground</a></p></body></html>'
    )


class Gate:
    """An ASGI application around another one.

    Parameters
    ----------
    app : ASGI application
    port : int
        The one that the server listens on.
    token : str
        The secret in the printed address.
    """

    def __init__(self, app: App, port: int, token: str) -> None:
        self.app = app
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.token = token
        self.cookie = secrets.token_urlsafe(32)
        self.cookie_name = f"clearprop_{port}"  # cookies do not know ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        refusal = self.refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        if scope["path"] == "/" and self.token_is_right(_asked_token(scope)):
            await self.change_token(send)
            return
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:12]) > LARGEST_BODY:
            await _answer(send, 413, "The request is too large.")
            return
        if scope["method"] == "POST":
            body = await _whole_body(receive)
            if body is None:
                await _answer(send, 413, "The request is too large.")
                return
            receive = _replayed(body, receive)
        await self.app(scope, receive, _with_headers(send))

    def refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Say why a request is not let in, as status and sentence; None where it is."""
        if headers.get("host", "").lower() not in self.hosts:
            return 421, "This server answers at its own address only."
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            return 405, "There is no such method here."
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            return 403, "Another page asks."
        if method == "GET" and scope["path"] == "/" and self.token_is_right(_asked_token(scope)):
            return None
        if self.token_is_right(headers.get(HEADER, "")):
            return None
        if not self.has_cookie(headers):
            return 401, _HELP
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, "Another page asks."
        if method == "POST" and origin is None:
            return 403, "It is not known which page asks."
        return None

    def token_is_right(self, given: str) -> bool:
        """Compare in a time that says nothing about where they differ."""
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def has_cookie(self, headers: dict[str, str]) -> bool:
        """Whether the request carries the cookie that the token was changed for.

        Other programs of this machine set cookies for the same host, some that no parser takes:
        each is looked at alone, or they would lock the user out.
        """
        given = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(
            secrets.compare_digest(value.encode("utf-8", "replace"), self.cookie.encode())
            for name, _, value in given
            if name == self.cookie_name
        )

    async def change_token(self, send: Send) -> None:
        """Give the cookie for the token, and lead to the page without it in its address.

        A redirection would not do: who comes from a link elsewhere, or from a file, would be sent
        on without a strict cookie. This page is ours, and so is the step from it.
        """
        cookie = f"{self.cookie_name}={self.cookie}; HttpOnly; SameSite=Strict; Path=/"
        found = {"content-type": "text/html; charset=utf-8", "set-cookie": cookie}
        await _answer(send, 200, leading_to("/"), found)


async def _whole_body(receive: Receive) -> bytes | None:
    """Read a body, whatever length was announced; None where it is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            return None
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read once more, and then what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return receiving


def _asked_token(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("ascii", "replace")
    try:
        asked = parse_qs(query, max_num_fields=20)
    except ValueError:  # too many
        return ""
    return str(asked.get("token", [""])[0])


def _headers(scope: Scope) -> dict[str, str]:
    """Give the headers by name; one that came twice is no header of an honest browser."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = (
            f"{found[key]}, {value.decode('latin-1')}"
            if key in found
            else (value.decode("latin-1"))
        )
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.decode("latin-1").lower() for name, _ in message["headers"]}
            added = _HEADERS | {"content-security-policy": PAGE_POLICY}
            message["headers"] = [
                *message["headers"],
                *((n.encode(), v.encode()) for n, v in added.items() if n not in own),
            ]
        await send(message)

    return sending


async def _answer(
    send: Send, status: int, text: str, headers: dict[str, str] | None = None
) -> None:
    found = {"content-type": "text/plain; charset=utf-8", **(headers or {})}
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [(n.encode(), v.encode()) for n, v in found.items()],
    }
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
