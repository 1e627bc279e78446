"""A browser for tests: it speaks ASGI, keeps its cookie, and can lie in every header."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Asks an application as if it listened at an address."""

    def __init__(self, app: Any, host: str) -> None:
        self.app = app
        self.host = host
        self.cookie = ""

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str, content: Any = b"{}", **headers: str) -> Answer:
        """Send bytes, pieces of them, or JSON."""
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        return self.ask("POST", path, {"content_type": "application/json", **headers}, content)

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """Send a request; ``_`` in the name of a header stands for ``-``."""
        found = {"host": self.host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.cookie:
            found.setdefault("cookie", self.cookie)
        if isinstance(content, bytes):
            found.setdefault("content-length", str(len(content)))
            content = [content]
        answer = asyncio.run(self._ask(method, path, found, list(content)))
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], pieces: list[bytes]
    ) -> Answer:
        parts = urlsplit("http://here/" + path[1:])
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode("utf-8", "replace"),
            "query_string": parts.query.encode("utf-8", "replace"),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 80),
            "root_path": "",
        }
        waiting = [*pieces]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        found = {k.decode().lower(): v.decode("latin-1") for k, v in start["headers"]}
        return Answer(start["status"], found, b"".join(m.get("body", b"") for m in rest))
