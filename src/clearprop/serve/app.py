"""What is where: pages, scripts, formulas, pictures, the training room."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from functools import cache
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from clearprop.look import sheet
from clearprop.serve.evaluation import Evaluator
from clearprop.serve.examples import EXAMPLES
from clearprop.serve.gate import Gate
from clearprop.serve.room import Room

#: The files there are; no other path leads to a file.
_FILES = {
    "/": ("playground.html", "text/html"),
    "/training": ("training.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/playground.js": ("playground.js", "text/javascript"),
    "/training.js": ("training.js", "text/javascript"),
    "/drawing.js": ("drawing.js", "text/javascript"),
}
#: A picture is a page of its own, in a box: its script reaches neither cookie nor server.
PICTURE_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_KEPT = 20  # pictures
_LOOK = 0.1  # seconds between two looks at the room


class Pages:
    """The pages that were made last, by number."""

    def __init__(self) -> None:
        self.kept: OrderedDict[int, str] = OrderedDict()
        self.last = 0

    def keep(self, text: str) -> int:
        """Keep a page; give its number."""
        self.last += 1
        self.kept[self.last] = text
        while len(self.kept) > _KEPT:
            self.kept.popitem(last=False)
        return self.last


def make_app(
    port: int, token: str, evaluator: Evaluator | None = None, room: Room | None = None
) -> Gate:
    """Make the application of the playground.

    Parameters
    ----------
    port : int
        The one that the server listens on.
    token : str
        The secret in the printed address.
    evaluator, room
        In the place of new ones.

    Returns
    -------
    Gate
        An ASGI application.
    """
    server = _Server(evaluator or Evaluator(), room or Room())
    routes = [Route(path, server.file) for path in _FILES]
    routes += [
        Route("/examples", server.examples),
        Route("/formula", server.formula, methods=["POST"]),
        Route("/picture/{number:int}", server.picture),
        Route("/room", server.room_events),
        Route("/room", server.room_order, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=server.lifespan)
    return Gate(app, port, token)


class _Server:
    def __init__(self, evaluator: Evaluator, room: Room) -> None:
        self.evaluator = evaluator
        self.room = room
        self.pages = Pages()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.evaluator.close()
            self.room.close()

    async def file(self, request: Request) -> Response:
        name, kind = _FILES[request.url.path]
        return Response(_content(name), media_type=kind)

    async def examples(self, request: Request) -> Response:
        return JSONResponse([example._asdict() for example in EXAMPLES])

    async def formula(self, request: Request) -> Response:
        asked = await _json(request)
        if asked is None:
            return JSONResponse({"error": {"message": "This is no request of the page."}}, 400)
        found = await self.evaluator.ask(asked)
        if "page" in found:
            found["picture"] = self.pages.keep(str(found.pop("page")))
        return JSONResponse(found)

    async def picture(self, request: Request) -> Response:
        page = self.pages.kept.get(request.path_params["number"])
        if page is None:
            return PlainTextResponse("This picture is no longer kept.", 404)
        return Response(
            page, media_type="text/html", headers={"content-security-policy": PICTURE_POLICY}
        )

    async def room_order(self, request: Request) -> Response:
        asked = await _json(request)
        problem = "This is no request of the page." if asked is None else self.room.order(asked)
        return JSONResponse({"problem": problem}, 400 if problem else 200)

    async def room_events(self, request: Request) -> Response:
        return StreamingResponse(
            room_stream(self.room, request.is_disconnected), media_type="text/event-stream"
        )


@cache
def _content(name: str) -> str:
    text = (resources.files("clearprop.serve") / "static" / name).read_text(encoding="utf-8")
    return sheet() + text if name == "style.css" else text


async def room_stream(room: Room, is_gone: Any) -> AsyncIterator[str]:
    """Tell what happens in the training room, as long as somebody listens.

    Yields
    ------
    str
        Server-sent events: ``curves``, and ``pictures`` where they are new.
    """
    room.enter()
    seen: dict[str, int] = {}
    silent = 0
    try:
        while not (room.closing or room.closed or await is_gone()):
            silent += 1
            for kind, (version, data) in room.news().items():
                if seen.get(kind) != version:
                    seen[kind] = version
                    silent = 0
                    yield f"event: {kind}\ndata: {json.dumps(data)}\n\n"
            if silent > 50:  # a page that is gone is noticed by writing to it
                silent = 0
                yield ": still here\n\n"
            await asyncio.sleep(_LOOK)
    finally:
        room.leave()


async def _json(request: Request) -> dict[str, Any] | None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
