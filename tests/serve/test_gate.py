"""Who is let in: the browser that was sent the token, from our own page, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from serve.asking import Browser

from clearprop.serve.app import make_app
from clearprop.serve.evaluation import Evaluator
from clearprop.serve.gate import HEADER, LARGEST_BODY
from clearprop.serve.room import Room

PORT, TOKEN = 8123, "a-token-that-nobody-guesses"
ADDRESS = f"http://127.0.0.1:{PORT}"
OURS = {"origin": ADDRESS}
PATHS = ["/", "/training", "/style.css", "/playground.js", "/examples", "/picture/1"]


class Echo(Evaluator):
    """Answers without a process."""

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"echo": request, "page": "<p>picture</p>"}


@pytest.fixture
def client() -> Browser:
    app = make_app(PORT, TOKEN, Echo(), Room(data=lambda: pytest.fail("nobody entered")))
    return Browser(app, f"127.0.0.1:{PORT}")


@pytest.fixture
def inside(client: Browser) -> Browser:
    """Give a browser that has changed the token for the cookie."""
    assert client.get(f"/?token={TOKEN}").status == 200
    assert client.cookie
    return client


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_there_is_nothing(client: Browser, path: str) -> None:
    response = client.get(path)
    assert response.status == 401
    assert "clearprop serve" in response.text


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "%00", "ä", "\udcff" * 3]
)
def test_a_wrong_token_gives_no_cookie(client: Browser, token: str) -> None:
    response = client.get(f"/?token={quote(token, errors='surrogatepass')}")
    assert response.status == 401
    assert "set-cookie" not in response.headers


def test_an_address_with_very_many_fields_is_refused_like_any_other(client: Browser) -> None:
    assert client.get("/?" + "&".join(f"a{i}=1" for i in range(50))).status == 401


@pytest.mark.parametrize(
    "other", ['a={"x": "1"}', "b ad", "a=é", "a@b=1", "path=/", "=", "", "a=1, 2", 'a="1']
)
def test_the_cookies_of_other_programs_of_the_machine_lock_nobody_out(
    inside: Browser, other: str
) -> None:
    for cookie in (f"{other}; {inside.cookie}", f"{inside.cookie}; {other}"):
        assert inside.get("/", cookie=cookie).status == 200
    name = inside.cookie.partition("=")[0]
    assert inside.get("/", cookie=f"{name}=wrong; {inside.cookie}").status == 200
    assert inside.get("/", cookie=f"{name}=wrong; {name}=; x{inside.cookie}").status == 401


def test_the_token_is_changed_for_a_cookie_and_leaves_the_address(client: Browser) -> None:
    response = client.get(f"/?token={TOKEN}")
    assert 'content="0;url=/"' in response.text
    assert TOKEN not in response.text
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/").status == 200


def test_the_token_opens_the_first_page_only(client: Browser) -> None:
    assert client.get(f"/training?token={TOKEN}").status == 401
    assert client.post(f"/?token={TOKEN}", **OURS).status == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:8123", "",
     f"127.0.0.1:{PORT}.evil.example", f"[::1]:{PORT}", f"127.0.0.1:{PORT}, evil.example"],
)  # fmt: skip
def test_another_host_name_gets_nothing_even_with_the_cookie(inside: Browser, host: str) -> None:
    """DNS rebinding: a name elsewhere that leads here is still another name."""
    for path in ("/", f"/?token={TOKEN}", "/examples"):
        assert inside.get(path, host=host).status == 421


def test_localhost_is_this_machine_too(inside: Browser) -> None:
    assert inside.get("/", host=f"localhost:{PORT}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {**OURS, "sec_fetch_site": "cross-site"},
        {**OURS, "sec_fetch_site": "same-site"},
        {},
    ],
)
def test_another_page_cannot_send_anything(inside: Browser, headers: dict[str, str]) -> None:
    response = inside.post("/formula", {"text": "x"}, **headers)
    assert response.status == 403


def test_another_page_cannot_read_anything(inside: Browser) -> None:
    assert inside.get("/examples", origin="null").status == 403
    assert inside.get("/examples", sec_fetch_site="cross-site").status == 403
    response = inside.get("/examples", **OURS)
    assert "access-control-allow-origin" not in response.headers


def test_our_own_page_can(inside: Browser) -> None:
    response = inside.post("/formula", {"text": "x"}, **OURS)
    assert (response.status, response.json()["echo"]) == (200, {"text": "x"})


def test_a_program_can_with_the_token_in_a_header(client: Browser) -> None:
    response = client.post("/formula", {"text": "x"}, **{HEADER: TOKEN})
    assert response.status == 200
    assert client.post("/formula", {}, **{HEADER: "wrong"}).status == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(inside: Browser, method: str) -> None:
    assert inside.ask(method, "/formula", OURS).status == 405


@pytest.mark.parametrize(
    "path",
    ["/static", "/static/", "/../pyproject.toml", "/..%2f..%2fapp.py", "/app.py", "//etc/passwd",
     "/style.css/", "/picture/..", "/picture/abc", "/picture/-1", "/index.html", "/%00"],
)  # fmt: skip
def test_no_other_path_leads_to_a_file(inside: Browser, path: str) -> None:
    response = inside.get(path)
    assert response.status in (307, 404)
    assert "import" not in response.text


def test_a_body_that_is_too_large_is_refused(inside: Browser) -> None:
    text = "x" * LARGEST_BODY
    assert inside.post("/formula", {"text": text}, **OURS).status == 413

    def pieces() -> Iterator[bytes]:  # without a length beforehand
        for _ in range(80):
            yield b" " * 1000

    assert inside.post("/formula", pieces(), **OURS).status == 413
    assert inside.post("/formula", b"{}", content_length="-5", **OURS).status == 413
    assert inside.post("/formula", pieces(), content_length="2", **OURS).status == 413


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "text/plain"),
        (b"text=x", FORM),
        (b"{", JSON),
        (b"[]", JSON),
        (b"\xff\xfe", JSON),
        (b"[" * 60_000, JSON),
    ],
)
def test_what_is_no_request_of_the_page_is_refused(inside: Browser, body: bytes, kind: str) -> None:
    """A form of another page can send text/plain without asking: it is not taken for JSON."""
    for path in ("/formula", "/room"):
        response = inside.post(path, body, content_type=kind, **OURS)
        assert response.status == 400


@pytest.mark.parametrize("path", ["/", "/training", "/examples", "/nothing", "/picture/99"])
def test_every_answer_forbids_what_comes_from_elsewhere(inside: Browser, path: str) -> None:
    headers = inside.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_a_picture_is_shut_in(inside: Browser) -> None:
    number = inside.post("/formula", {"text": "x"}, **OURS).json()["picture"]
    response = inside.get(f"/picture/{number}")
    assert response.text == "<p>picture</p>"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts allow-downloads; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy


def test_old_pictures_are_let_go(inside: Browser) -> None:
    numbers = [inside.post("/formula", {"text": "x"}, **OURS).json()["picture"] for _ in range(25)]
    assert inside.get(f"/picture/{numbers[0]}").status == 404
    assert inside.get(f"/picture/{numbers[-1]}").status == 200


@pytest.mark.parametrize("path", ["/", "/training"])
def test_the_pages_name_nothing_elsewhere(inside: Browser, path: str) -> None:
    text = inside.get(path).text
    assert "http:" not in text
    assert "https:" not in text
    assert "<script>" not in text
    assert " style=" not in text
    assert " onclick" not in text
