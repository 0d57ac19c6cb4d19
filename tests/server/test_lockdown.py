"""Who is turned away, and what: names, origins, tokens, bodies, bombs, and what clients may not make the server fetch."""

from __future__ import annotations

import base64
import io
import json
import random
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.errors import ApiError
from server.picture_sizes import size_of
from server.pictures import HEADER_CHARACTERS, PictureBook, find_pictures, size_in_url
from server.settings import Access, Limits, OpenServer
from tests.server.screens import draw_screen
from tests.server.serving import Served, serving

TOKEN = "correct-horse-battery-staple"
ACT = {"task": "x", "screenshot": draw_screen(0).data_url}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that wants a token."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(TOKEN + "\n")
    options = ("--token-file", str(folder / "token"), "--allow-host", "model.example", "--allow-origin", "https://page.example")
    with serving(folder, *options, "--host", "0.0.0.0", "--max-requests", "4") as served:
        yield served


def port_of(served: Served) -> int:
    return int(served.url.rsplit(":", 1)[1])


# --- who


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com"])
def test_without_a_token_only_a_loopback_address_is_served(host: str) -> None:
    with pytest.raises(OpenServer, match="token"):
        Access(host=host)
    done = subprocess.run(
        [sys.executable, "-m", "deftly", "serve", "--host", host], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "--token-file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_token(host: str) -> None:
    assert Access(host=host).token is None


def test_a_short_token_is_refused() -> None:
    with pytest.raises(OpenServer, match="16 characters"):
        Access(token="secret")


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/openapi.json", "/nope"])
def test_nothing_is_told_without_the_token(guarded: Served, path: str) -> None:
    with guarded.client() as client:
        for headers in ({}, {"authorization": f"Bearer {TOKEN}x"}, {"authorization": TOKEN}, {"cookie": "deftly_session=9999999999.a.b"}):
            told = client.get(path, headers=headers)
            assert (told.status_code, told.json()["error"]["code"]) == (401, "invalid_api_key")
        assert client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code in (200, 404)
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 421), ("model.example", 200), ("localhost", 200), ("192.0.2.1:80", 200), ("[", 421), ("", 421)]
)
def test_a_name_by_which_nobody_calls_this_server_is_turned_away(guarded: Served, host: str, status: int) -> None:
    with guarded.client() as client:
        assert client.get("/health", headers={"host": host}).status_code == status


def test_on_loopback_even_addresses_of_others_are_turned_away(embedded: Served) -> None:
    with embedded.client() as client:
        assert client.get("/health", headers={"host": "192.0.2.1"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"cookie": "a=b"},
        {"origin": "http://localhost"},
    ],
)
def test_a_page_of_another_site_cannot_act(embedded: Served, headers: dict[str, str]) -> None:
    with embedded.client() as client:
        told = client.post("/v1/act", json=ACT, headers=headers)
        assert (told.status_code, told.json()["error"]["type"]) == (403, "permission_error")
        assert "access-control-allow-origin" not in client.get("/v1/models", headers=headers).headers


def test_our_own_page_acts_with_its_csrf_token(embedded: Served) -> None:
    own = {"origin": embedded.url, "sec-fetch-site": "same-origin"}
    with embedded.client() as client:
        session = client.get("/session").json()
        assert session["signed_in"] is True
        assert client.post("/v1/act", json=ACT, headers=own).json()["error"]["code"] == "csrf"
        assert client.post("/v1/act", json=ACT, headers=own | {"x-deftly-csrf": "0" * 64}).status_code == 403
        assert client.post("/v1/act", json=ACT, headers=own | {"x-deftly-csrf": session["csrf"]}).status_code == 200


def test_a_browser_signs_in_with_the_token_and_out_again(guarded: Served) -> None:
    own = {"origin": guarded.url}
    with guarded.client() as client:
        assert client.get("/session").json() == {"signed_in": False, "needs_token": True, "csrf": None}
        assert client.post("/session", json={"token": "wrong"}, headers=own).status_code == 401
        assert client.post("/session", json={"token": TOKEN}, headers={"origin": "https://evil.example"}).status_code == 403
        signed_in = client.post("/session", json={"token": TOKEN}, headers=own)
        assert signed_in.status_code == 204
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        csrf = client.get("/session").json()["csrf"]
        assert client.get("/v1/models").status_code == 200
        assert client.post("/v1/act", json=ACT, headers=own).json()["error"]["code"] == "csrf"
        assert client.post("/v1/act", json=ACT, headers=own | {"x-deftly-csrf": csrf}).status_code == 200
        client.delete("/session", headers=own | {"x-deftly-csrf": csrf})
        assert client.get("/v1/models").status_code == 401


def test_the_headers_that_browsers_heed_are_on_every_answer(guarded: Served) -> None:
    with guarded.client() as client:
        for told in (client.get("/health"), client.get("/nope"), client.get("/v1/models", headers={"authorization": f"Bearer {TOKEN}"})):
            assert told.headers["x-content-type-options"] == "nosniff"
            assert told.headers["x-frame-options"] == "DENY"
            assert told.headers["cache-control"] == "no-store"
            assert "server" not in told.headers


# --- what


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def url_of(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize(("width", "height"), [(5000, 5000), (60000, 60000), (2**31 - 1, 2**31 - 1), (200_000, 100)])
def test_a_decompression_bomb_is_known_by_its_header(embedded: Served, width: int, height: int) -> None:
    with embedded.client() as client:
        for path, body in (
            ("/v1/act", {"task": "x", "screenshot": url_of(bomb(width, height))}),
            (
                "/v1/chat/completions",
                {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url_of(bomb(width, height))}}]}]},
            ),
        ):
            told = client.post(path, json=body)
            assert (told.status_code, told.json()["error"]["code"]) == (400, "image_too_large")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "WEBP lossless", "WEBP with alpha"])
def test_the_size_of_every_format_is_read_from_its_header(kind: str) -> None:
    file = io.BytesIO()
    mode = "RGBA" if "alpha" in kind else "RGB"
    Image.new(mode, (123, 45), "red").save(file, format=kind.split()[0], **({"lossless": True} if "lossless" in kind else {}))
    assert size_of(file.getvalue(), "x") == (123, 45)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("profile", [0, 60_000])
def test_a_header_far_into_a_picture_is_found_and_judged(kind: str, profile: int) -> None:
    file = io.BytesIO()
    picture = Image.effect_noise((700, 600), 90).convert("RGB")  # larger encoded than what is decoded at first
    picture.save(file, format=kind, **({"icc_profile": random.Random(1).randbytes(profile)} if profile else {}))
    data = file.getvalue()
    assert len(data) > HEADER_CHARACTERS
    assert size_in_url(url_of(data), "x") == size_of(data, "x") == (700, 600)
    body = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url_of(data)}}]}]}
    with pytest.raises(ApiError, match="700x600 pixels, and this server takes 400000 at most"):
        PictureBook(Limits(image_pixels=400_000), Access()).check_all(body)
    PictureBook(Limits(), Access()).check_all(body)


@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.binary(max_size=60), st.integers(0, 200))
def test_broken_headers_are_errors_and_nothing_else(kind: str, junk: bytes, at: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, format=kind)
    data = file.getvalue()[:at] + junk
    book = PictureBook(Limits(), Access())
    try:
        book.open(url_of(data), "x")
    except ApiError as error:
        assert error.status == 400


FORBIDDEN = (
    *("file:///etc/passwd", "FILE:///etc/passwd", "/etc/passwd", "ftp://allowed.example/x", "gopher://x", "data:text/html;base64,aGk="),
    *("http://127.0.0.1/x", "https://evil.example/a.png", "http://allowed.example@evil.example/", "//allowed.example/x.png"),
    *("http://allowed.example\\@evil.example/", "http://evil.example#@allowed.example/", "http://allowed.example.evil.example/"),
)


@pytest.mark.parametrize("url", FORBIDDEN)
@pytest.mark.parametrize("form", ["chat", "chat, bare", "responses"])
def test_no_url_of_a_client_is_fetched_unless_its_host_was_allowed(url: str, form: str) -> None:
    book = PictureBook(Limits(), Access(media_hosts=frozenset({"allowed.example"})))
    image = {
        "chat": {"type": "image_url", "image_url": {"url": url}},
        "chat, bare": {"image_url": url},
        "responses": {"type": "input_image", "image_url": url},
    }[form]
    field = "input" if form == "responses" else "messages"
    with pytest.raises(ApiError):
        book.check_all({field: [{"role": "user", "content": [image]}]})
    allowed = json.loads(json.dumps(image).replace(json.dumps(url)[1:-1], "https://allowed.example/a.png"))
    book.check_all({field: [{"role": "user", "content": [allowed]}]})


@pytest.mark.parametrize("part", ["video_url", "audio_url", "input_audio", "image_embeds", "prompt_embeds", "image_pil", "input_file"])
def test_parts_that_an_engine_would_fetch_or_unpickle_are_refused(part: str) -> None:
    for shown in ({"type": part}, {part: "x"}, {"type": "text", "text": "x", part: {"url": "http://x"}}):
        with pytest.raises(ApiError, match=part):
            list(find_pictures({"messages": [{"role": "user", "content": [shown]}]}))


def test_a_body_that_is_too_large_is_turned_away_before_it_is_read(embedded: Served) -> None:
    with socket.create_connection(("127.0.0.1", port_of(embedded))) as connection:
        connection.sendall(b"POST /v1/act HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000000000\r\n\r\n")
        assert b" 413 " in connection.recv(1000).split(b"\r\n")[0]


def test_a_chunked_body_is_counted_as_it_comes(embedded: Served) -> None:
    with embedded.client() as client:
        told = client.post("/v1/act", content=(b"x" * 1_000_000 for _ in range(50)), headers={"content-type": "application/json"})
    assert (told.status_code, told.json()["error"]["code"]) == (413, "body_too_large")


def test_slow_bodies_hold_only_their_own_places_and_leave_them_when_they_go(guarded: Served) -> None:
    head = f"POST /v1/act HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 50\r\n\r\nx".encode()
    slow = [socket.create_connection(("127.0.0.1", port_of(guarded))) for _ in range(4)]
    with guarded.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        for connection in slow:
            connection.sendall(head)
        deadline = time.monotonic() + 60
        while (told := client.post("/v1/act", json=ACT)).status_code != 429 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (told.status_code, told.headers["retry-after"]) == (429, "1")
        assert client.get("/health").status_code == 200
        for connection in slow:
            connection.close()
        while (told := client.post("/v1/act", json=ACT)).status_code == 429 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert told.status_code == 200


HOSTILE = (
    *(b"", b"null", b"[]", b"{", b'{"messages": NaN}', b"\xff\xfe", b'{"a":"\\ud800"}', b"[" * 100_000),
    *(b'{"messages":' + b"[" * 990 + b"]" * 990 + b"}", b'{"messages": [{"role": "user", "content": "\\ud800"}]}'),
    b'{"messages": [{"role": "user", "content": "x"}], "seed": 1e999}',
)


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/act", "/v1/responses", "/v1/completions", "/session"])
def test_hostile_bodies_are_the_clients_fault(embedded: Served, path: str, body: bytes) -> None:
    with embedded.client() as client:
        told = client.post(path, content=body, headers={"content-type": "application/json"})
    assert told.status_code in (400, 422, 501), told.text
    assert set(told.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/v1/models/..%2f..%2fetc%2fpasswd", "/%00", "/v1/models/%2e%2e/%2e%2e"])
def test_no_path_of_a_client_reaches_the_file_system(embedded: Served, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port_of(embedded))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 404 " in answer.split(b"\r\n")[0]
    assert b"root:" not in answer


def test_an_image_that_was_never_sent_is_unknown(embedded: Served) -> None:
    with embedded.client() as client:
        told = client.post("/v1/act", json={"task": "x", "screenshot": "sha256:" + "0" * 64})
    assert (told.status_code, told.json()["error"]["code"]) == (409, "image_unknown")


def test_an_action_that_is_none_is_named_by_its_path(embedded: Served) -> None:
    history = [{"actions": [{"type": "click", "point": [7, 0.5]}]}]
    with embedded.client() as client:
        told = client.post("/v1/act", json=ACT | {"history": history})
    assert told.status_code == 400
    assert told.json()["error"]["param"] == "history[0].actions[0]"
    assert "click.point[0]" in told.json()["error"]["message"]


def test_options_that_would_be_dropped_in_silence_are_refused(embedded: Served) -> None:
    with embedded.client() as client:
        for name, value in {"logprobs": True, "n": 3, "tools": [{}], "top_k": 5, "nonesuch": 1}.items():
            told = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], name: value})
            assert (told.status_code, told.json()["error"]["param"]) == (400, name)
        fine = {"messages": [{"role": "user", "content": "x"}], "n": 1, "top_k": -1, "user": "me", "max_tokens": 1, "tools": None}
        assert client.post("/v1/chat/completions", json=fine).status_code == 200


def test_the_token_stands_in_no_log(guarded: Served, tmp_path: Path) -> None:
    with guarded.client(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        client.get("/v1/models")
    assert TOKEN not in guarded.log.read_text()


def test_an_address_that_is_taken_is_an_error_of_one_line(embedded: Served) -> None:
    command = [sys.executable, "-m", "deftly", "serve", "--port", str(port_of(embedded))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert httpx.get(f"{embedded.url}/health", trust_env=False).status_code == 200
