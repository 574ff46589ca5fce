"""Requests that are wrong in one way each: the problem they get, and that nothing else happens. What is wrong in every way
stands in test_hostile.py."""

import contextlib
import socket
import uuid

import httpx
import pytest
from client import Api, Session
from troupe_server import Server


class RawConnection:
    """A TCP connection without any manners of HTTP."""

    def __init__(self, server: Server, seconds: float = 30) -> None:
        url = httpx.URL(server.url)
        self.socket = socket.create_connection((url.host, url.port), timeout=seconds)

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends as far as the server takes it; it may have answered and closed already."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def finish(self) -> None:
        """Says that nothing more comes."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def read_all(self) -> bytes:
        """Everything until the server closes."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while chunk := self.socket.recv(65536):
                got += chunk
        return got

    def read_status(self) -> int:
        """The status of the first answer, without waiting for the end."""
        got = b""
        while b"\r\n" not in got:
            chunk = self.socket.recv(65536)
            assert chunk, f"closed after {got!r}"
            got += chunk
        return status_of(got)


def status_of(raw: bytes) -> int:
    """The status of the first answer in what came."""
    assert raw.startswith(b"HTTP/1.1 "), raw[:200]
    return int(raw[9:12])


@pytest.fixture(autouse=True)
def lives_on(api: Api):
    """After each of these tests the server still serves."""
    yield
    assert api.client.get("/docs").status_code == 200


def check_problem(answer: httpx.Response, *statuses: int) -> dict:
    """A 4xx with a body as RFC 9457 wants it."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    return problem


# -- the connection -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5x\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ],
)
def test_ambiguous_framing_is_refused_and_the_connection_closed(
    server: Server, framing: bytes
) -> None:
    """Request smuggling: whatever follows an ambiguous request must not be taken for another one."""
    with RawConnection(server) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + framing
            + b"\r\n"
            b"0\r\n\r\nGET /v1/games HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = connection.read_all()
        if answer:
            assert 400 <= status_of(answer) < 500
            assert answer.count(b"HTTP/1.1 ") == 1


def test_a_bad_chunk_is_refused(server: Server) -> None:
    """Chunks with a wrong size, without an end, with more than the limit."""
    head = b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunks in [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"5\r\n{}\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n{}",
        b"-1\r\n\r\n",
    ]:
        with RawConnection(server) as connection:
            connection.send(head + chunks)
            connection.finish()
            answer = connection.read_all()
            if answer:
                assert 400 <= status_of(answer) < 500
    with RawConnection(server) as connection:
        connection.send(head)
        for _ in range(400):
            connection.send(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert status_of(connection.read_all()) == 413


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Good, bad, good: each gets its answer."""
    with RawConnection(server) as connection:
        connection.send(
            b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /v1/players/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        answers = connection.read_all()
    statuses = [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 401]


# -- sizes ------------------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_before_it_is_read(server: Server) -> None:
    """413 on the announcement alone."""
    with RawConnection(server) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n"
        )
        assert connection.read_status() == 413


@pytest.mark.parametrize("expect", [False, True])
def test_a_body_over_the_limit_is_refused_although_it_is_sent(
    server: Server, api: Api, expect: bool
) -> None:
    """The client gets its answer although it sends all of it."""
    body = b"x" * (300 * 1024)
    with RawConnection(server) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + (b"Expect: 100-continue\r\n" if expect else b"")
            + b"Content-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
        )
        if not expect:
            connection.send(body)
        assert connection.read_status() == 413
    check_problem(
        api.client.post("/v1/players", content=body, headers={"content-type": "application/json"}),
        413,
    )


def test_a_huge_header_is_refused(server: Server) -> None:
    """431 or 400 for a header past 16 KiB, in one field or in many."""
    for fields in [
        b"X-Long: " + b"a" * 20_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % i for i in range(3_000)),
    ]:
        with RawConnection(server) as connection:
            connection.send(b"GET /v1/games HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
            assert status_of(connection.read_all()) in (400, 431)


def test_a_huge_target_is_refused(server: Server) -> None:
    """414 or 431 for a path or query past all bounds."""
    for target in [b"/v1/" + b"a" * 20_000, b"/v1/games?cursor=" + b"a" * 20_000]:
        with RawConnection(server) as connection:
            connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(connection.read_all()) in (400, 414, 431)


# -- bodies -----------------------------------------------------------------------------------------------------

BAD_JSON = [
    b"",
    b"{",
    b"}",
    b"null",
    b"[]",
    b'"x"',
    b"1e999",
    b'{"name":}',
    b'{"name":"a",}',
    b'{"name":"a"}{"name":"b"}',
    b'{"name":"a" "password":"b"}',
    b'{"name":"\xff\xfe","password":"long enough 1"}',
    b'{"name":"\xc0\x80","password":"long enough 1"}',
    b'{"name":"\xed\xa0\x80","password":"long enough 1"}',
    b'{"name":"\\ud800","password":"long enough 1"}',
    b'{"name":"\\u0000","password":"long enough 1"}',
    b'{"name":"a\\',
    b'{"name":"a\\x","password":"long enough 1"}',
    b'{"name":1,"password":"long enough 1"}',
    b'{"name":null,"password":"long enough 1"}',
    b'{"name":["a"],"password":"long enough 1"}',
    b'{"name":"","password":"long enough 1"}',
    b'{"name":"' + b"a" * 100_000 + b'","password":"long enough 1"}',
    b'{"name":"abcdef","password":"' + b"a" * 100_000 + b'"}',
    b'{"name":"abcdef"}',
    b'{"name":"abcdef","password":"long enough 1","admin":true}',
    b'{"__proto__":{},"name":"abcdef","password":"long enough 1"}',
    b"[" * 100_000,
    b"[" * 65 + b"]" * 65,
    b'{"name":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"{\x00}",
]


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda body: repr(body[:24]))
def test_bad_json_is_a_problem(api: Api, body: bytes) -> None:
    """Not JSON, not UTF-8, too deep, wrong types, unknown fields: 400 or 422, always with a problem."""
    answer = api.client.post(
        "/v1/players", content=body, headers={"content-type": "application/json"}
    )
    check_problem(answer, 400, 413, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x81",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffname",
        b"\x91" * 200_000,
        b"\x81\xa4name" * 5_000,
        b"\x82\xa4name\x01\xa8password\xa3abc",
        b"\x82\xa4name\xa2\xff\xfe\xa8password\xadlong enough 1",
        b"\x80\x80",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_bad_msgpack_is_a_problem(api: Api, body: bytes) -> None:
    """Announced sizes are not believed, depth is bounded."""
    answer = api.client.post(
        "/v1/players", content=body, headers={"content-type": "application/msgpack"}
    )
    check_problem(answer, 400, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&&&&&",
        b"grant_type",
        b"grant_type=password",
        b"grant_type=password&username=%zz&password=x",
        b"grant_type=password&username=%ff%fe&password=x",
        b"grant_type=password&username=a%00b&password=x",
        b"grant_type=password&grant_type=refresh_token&username=a&password=b",
        b"grant_type=refresh_token&refresh_token=" + b"A" * 87,
        b"grant_type=refresh_token&refresh_token=" + b"A" * 100_000,
        b"grant_type=refresh_token&refresh_token=%00",
        b"=" * 10_000,
        b"a=b&" * 50_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_bad_forms_are_a_problem(api: Api, body: bytes) -> None:
    """The token route's form."""
    answer = api.client.post(
        "/v1/auth/token",
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].split(";")[0] in (
        "application/problem+json",
        "application/json",
    )


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "application/jsonx", "a/b/c", "\x7f", "," * 100]
)
def test_other_content_types_are_a_problem(api: Api, kind: str) -> None:
    """415."""
    answer = api.client.post("/v1/players", content=b"{}", headers={"content-type": kind})
    check_problem(answer, 400, 415)


# -- tokens and other fields --------------------------------------------------------------------------------------


def test_bad_tokens_are_401(api: Api, player: Session) -> None:
    """Every mutilation of a good token, and what was never one."""
    good = player.access
    head, claims, signature = good.split(".")
    none = "eyJhbGciOiJub25lIn0"
    for token in [
        "x",
        ".",
        "..",
        good[:-1],
        good + "A",
        good.swapcase(),
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{head}.{claims[:-2]}AA.{signature}",
        f"{head}.{claims}.{signature[::-1]}",
        "A" * 8_000,
        "." * 4_000,
    ]:
        answer = api.client.get("/v1/players/me", headers={"authorization": "Bearer " + token})
        check_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for field in [
        "",
        "Bearer",
        "Basic dTpw",
        "bearer",
        good,
        "Bearer " + good + " x",
        "Bearer\t" + good + ",x",
    ]:
        answer = api.client.get("/v1/players/me", headers={"authorization": field})
        check_problem(answer, 400, 401)


@pytest.mark.parametrize(
    "fields",
    [
        {"idempotency-key": ""},
        {"idempotency-key": "a" * 5_000},
        {"idempotency-key": '"'},
        {"if-match": '"'},
        {"if-match": "x" * 2_000},
        {"if-match": '"99999999999999999999999"'},
        {"if-none-match": ",,,,"},
        {"accept": "a" * 5_000},
        {"accept": "application/json;q=99999,,;;="},
        {"accept-encoding": "gzip;q=nan, br;q=-1"},
        {"x-request-id": "x" * 5_000},
        {"traceparent": "00-" + "z" * 32 + "-" + "z" * 16 + "-01"},
        {"traceparent": "f" * 3_000},
        {"range": "bytes=9999999-"},
        {"content-encoding": "gzip"},
        {"origin": "null\x7f"},
    ],
    ids=lambda fields: "=".join(next(iter(fields.items())))[:40],
)
def test_odd_fields_do_no_harm(player: Session, fields: dict[str, str]) -> None:
    """Whatever stands in a header field, no 5xx and a whole answer."""
    for answer in [
        player.get("/v1/players/me", headers=fields),
        player.get("/v1/games", headers=fields),
        player.patch("/v1/players/me", headers=fields, json={}),
        player.put(f"/v1/players/me/games/{uuid.uuid4()}", headers=fields),
    ]:
        assert answer.status_code < 500, (fields, answer.text)
