"""Whatever is sent: a clear answer, never a 5xx, never a server that hangs, grows or ends."""

import pathlib
import random
import socket
import time
import urllib.parse

import httpx
import pytest
from client import Api, Session, fresh_name
from troupe_server import Cluster, Server, until

SEED = 20260301


@pytest.fixture(scope="module")
def server(cluster: Cluster, world) -> Server:
    """One that waits for slow clients less long than usual."""
    assert world
    running = cluster.serve(
        http__header_timeout="1s",
        http__body_timeout="1s",
        http__idle_timeout="2s",
        http__write_timeout="2s",
    )
    yield running
    assert running.alive(), running.tail()
    assert running.stop() == 0


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    """Somebody without a token."""
    return Api(server.url)


def connect(server: Server, timeout: float = 15) -> socket.socket:
    """A plain connection."""
    url = urllib.parse.urlsplit(server.url)
    return socket.create_connection((url.hostname, url.port), timeout=timeout)


def answer_to(server: Server, sent: bytes, close: bool = False) -> bytes:
    """What comes back until the server closes; `close` says that nothing more will be sent."""
    with connect(server) as connection:
        got = b""
        try:
            connection.sendall(sent)
            if close:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                got += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass  # it may close before it has read everything
        return got


def status_of(answer: bytes) -> int:
    """Of the first answer; 0 for none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def memory_of(server: Server) -> int:
    """Resident bytes."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n" * 5000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\x00B: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n A: folded\r\n\r\n",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"\x00" * 10000,
        b"\xff" * 10000,
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 100_000,
    ],
    ids=lambda sent: ascii(sent[:32]),
)
def test_what_is_no_http_is_answered_or_closed(server: Server, request_bytes: bytes) -> None:
    answer = answer_to(server, request_bytes, close=True)
    assert status_of(answer) in (0, 400, 405, 408, 414, 415, 431, 501, 505), answer[:200]
    if answer:
        assert b"application/problem+json" in answer


def test_http_1_1_needs_a_host(server: Server) -> None:
    answer = answer_to(server, b"GET /docs HTTP/1.1\r\nConnection: close\r\n\r\n", close=True)
    assert status_of(answer) in (200, 400)


def test_requests_cut_off_anywhere_do_no_harm(server: Server, api: Api) -> None:
    whole = (
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 40\r\n\r\n{"name": "cut", "password": "12345678"}'
    )
    for end in range(0, len(whole), 3):
        assert status_of(answer_to(server, whole[:end], close=True)) in (0, 400, 408)
    assert api.client.get("/docs").status_code == 200


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /v1/games HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "header", "body"],
)
def test_slow_clients_are_let_go(server: Server, start: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(start)
        began = time.monotonic()
        got = b""
        try:
            while chunk := connection.recv(65536):  # the server ends it, else this times out
                got += chunk
        except ConnectionResetError:
            pass
        assert time.monotonic() - began < 8
        if start:
            assert status_of(got) == 408, got


def test_a_drip_of_bytes_does_not_hold_a_connection(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /v1/games HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        def closed() -> bool:
            try:
                connection.sendall(b"a")
                connection.settimeout(0.05)
                return connection.recv(65536) != b"never"
            except TimeoutError:
                return False
            except OSError:
                return True

        until(closed, "the server ends it", 8, 0.1)


def test_a_client_that_does_not_read_is_let_go(server: Server, api: Api) -> None:
    with connect(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.settimeout(0.2)
        try:
            for _ in range(200):
                connection.sendall(request)
        except OSError:
            pass  # its buffers are full

        def closed() -> bool:
            try:
                connection.sendall(request)
                return False
            except TimeoutError:
                return False
            except OSError:
                return True

        until(closed, "the server ends it", 20, 0.2)
    assert api.client.get("/docs").status_code == 200


def test_many_idle_connections_leave_room_for_others(server: Server, api: Api) -> None:
    held = [connect(server) for _ in range(500)]
    try:
        assert api.client.get("/docs").status_code == 200
    finally:
        for connection in held:
            connection.close()


def test_requests_may_come_all_at_once(server: Server) -> None:
    one = b"GET /v1/games HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /v1/games HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = answer_to(server, one * 50 + last)
    assert answer.count(b"HTTP/1.1 401 ") == 51


def test_deep_and_wide_json_costs_nothing(server: Server, api: Api, world) -> None:
    before = memory_of(server)
    headers = {"Content-Type": "application/json"}
    for body in (
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b'{"name": [' + b"1," * 120_000 + b"1]}",
        b'{"name": "' + b"\\u0061" * 40_000 + b'"}',
        b'{"name": 1e999999999}',
        b'{"name": ' + b"9" * 200_000 + b"}",
    ):
        for _ in range(20):
            answer = api.client.post("/v1/players", content=body, headers=headers)
            assert answer.status_code in (400, 422)
    assert memory_of(server) - before < 64 * 1024 * 1024
    assert world


# -- random requests ------------------------------------------------------------------------------------------


class Randomizer:
    """Requests that are nearly right, from a seed."""

    def __init__(self, seed: int, sessions: list[Session], ids: list[str], document: dict) -> None:
        self.random = random.Random(seed)
        self.tokens = [session.access for session in sessions] + ["", "x", "a.b.c"]
        self.ids = ids
        self.paths = [
            (method.upper(), path)
            for path, item in document["paths"].items()
            for method in item
            if method in ("get", "put", "post", "patch", "delete")
        ]

    def text(self) -> str:
        """Anything."""
        kinds = (
            lambda: "",
            lambda: "a" * self.random.choice((1, 31, 32, 33, 128, 129, 5000)),
            lambda: "".join(
                chr(self.random.choice((0, 9, 10, 13, 27, 34, 92, 127, 255, 0x4E00, 0x1F3AE)))
                for _ in range(9)
            ),
            lambda: fresh_name(),
            lambda: self.random.choice(self.ids),
            lambda: "'; drop table player; --",
            lambda: "../../etc/passwd",
            lambda: "%00%ff%2e",
        )
        return self.random.choice(kinds)()

    def value(self, depth: int = 0) -> object:
        """Any JSON."""
        kinds = [
            self.text,
            lambda: self.random.randint(-(2**63), 2**63),
            lambda: None,
            lambda: True,
            lambda: 1.5e300,
        ]
        if depth < 3:
            kinds.append(lambda: [self.value(depth + 1) for _ in range(self.random.randint(0, 4))])
            kinds.append(lambda: {self.text(): self.value(depth + 1) for _ in range(3)})
        return self.random.choice(kinds)()

    def request(self) -> dict:
        """One request for httpx."""
        method, path = self.random.choice(self.paths)
        if self.random.random() < 0.1:
            method = self.random.choice(
                ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "X")
            )
        while "{" in path:
            start, end = path.index("{"), path.index("}")
            word = self.random.choice(self.ids) if self.random.random() < 0.7 else self.text()
            path = path[:start] + urllib.parse.quote(word, safe="") + path[end + 1 :]
        if path == "/v1/players/me" and method == "DELETE":
            method = "GET"  # or there would soon be nobody left
        if path == "/v1/auth/revoke":
            path = "/v1/auth/token"
        headers = {"Authorization": f"Bearer {self.random.choice(self.tokens)}".strip()}
        for name in (
            "Accept",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "X-Request-Id",
            "traceparent",
        ):
            if self.random.random() < 0.15:
                headers[name] = (
                    self.text()
                    .encode("utf-8", "replace")
                    .replace(b"\r", b"")
                    .replace(b"\n", b"")
                    .replace(b"\0", b"")
                    .strip()
                )
        sent: dict = {"method": method, "url": path, "headers": headers}
        if self.random.random() < 0.4:
            names = ("limit", "cursor", "game_id", "studio_id", "studio_name", "x")
            sent["params"] = {self.random.choice(names): self.text() for _ in range(2)}
        if method in ("POST", "PATCH", "PUT"):
            fields = (
                "name",
                "password",
                "current_password",
                "owner",
                "username",
                "grant_type",
                "refresh_token",
            )
            body = {
                self.random.choice(fields): self.value() for _ in range(self.random.randint(0, 4))
            }
            kind = self.random.random()
            if kind < 0.6:
                sent["json"] = body
            elif kind < 0.8:
                sent["data"] = {name: str(value) for name, value in body.items()}
            else:
                sent["content"] = self.random.randbytes(self.random.randint(0, 300))
                headers["Content-Type"] = self.random.choice(
                    ("application/json", "application/msgpack")
                )
        return sent


def test_ten_thousand_random_requests_give_no_5xx(
    server: Server, api: Api, world, cluster: Cluster
) -> None:
    assert cluster
    publisher, studio = world.of_role("publisher"), world.of_role("studio")
    sessions = [
        api.sign_up(),
        api.log_in(publisher.name, publisher.password),
        api.log_in(studio.name, studio.password),
    ]
    games = sessions[1].get("/v1/games").json()["items"]
    ids = [sessions[0].id, studio.studio_id, *(game["id"] for game in games[:5])]
    document = api.client.get("/openapi.json").json()
    made = Randomizer(SEED, sessions, ids, document)
    before, statuses = memory_of(server), {}
    for number in range(10_000):
        sent = made.request()
        try:
            answer = api.client.request(**sent)
        except httpx.RemoteProtocolError:
            # an idle connection that was closed under us; a request that closes one is told again
            answer = api.client.request(**sent)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (number, sent, answer.text)
    assert {200, 400, 401, 403, 404, 422} <= set(statuses), statuses
    assert memory_of(server) - before < 128 * 1024 * 1024
    assert not [line for line in server.log_lines() if line["event"] == "handler_threw"]
