"""Input that no honest client sends: every answer is a 4xx problem, no connection hangs, the server lives on."""

import contextlib
import json
import random
import socket
import string
import time
import uuid

import httpx
import pytest

SEED = 20261121
RANDOM_REQUESTS = 10_000


class RawConnection:
    """A TCP connection without any manners of HTTP."""

    def __init__(self, address: tuple[str, int], seconds: float = 30):
        self.socket = socket.create_connection(address, timeout=seconds)

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

    def read_all(self, limit: int = 1_000_000) -> bytes:
        """Everything until the server closes."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while chunk := self.socket.recv(65536):
                got += chunk
                assert len(got) < limit
        return got

    def read_answer(self) -> tuple[int, dict[str, str], bytes]:
        """One answer with its body."""
        got = b""
        while b"\r\n\r\n" not in got:
            chunk = self.socket.recv(65536)
            assert chunk, f"closed after {got!r}"
            got += chunk
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(fields.get("content-length", "0"))
        while len(body) < length:
            chunk = self.socket.recv(65536)
            assert chunk, "closed within a body"
            body += chunk
        return int(lines[0].split(" ")[1]), fields, body


def status_of(raw: bytes) -> int:
    """The status of the first answer in what came."""
    assert raw.startswith(b"HTTP/1.1 "), raw[:200]
    return int(raw[9:12])


@pytest.fixture(name="address")
def fixture_address(api) -> tuple[str, int]:
    """Where the public API listens."""
    url = httpx.URL(api.url)
    return url.host, url.port


@pytest.fixture(autouse=True)
def lives_on(api):
    """After each of these tests the server still serves."""
    yield
    answer = httpx.get(api.url + "/openapi.json", timeout=10)
    assert answer.status_code == 200


def check_problem(answer: httpx.Response, *statuses: int) -> dict:
    """A 4xx with a body as RFC 9457 wants it."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    return problem


# -- the connection -------------------------------------------------------------------------------------------


def test_garbage_is_answered_or_closed(address):
    """Bytes that are no HTTP get a 400 or the end of the connection, at once."""
    dice = random.Random(SEED)
    for garbage in [
        b"\x00" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500),  # a TLS greeting
        b"\r\n" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff\xfe\xfd /\xff HTTP/1.1\r\n\r\n",
        *(dice.randbytes(200) + b"\r\n\r\n" for _ in range(20)),
    ]:
        with RawConnection(address) as connection:
            connection.send(garbage)
            connection.finish()
            answer = connection.read_all()
            if answer:
                assert 400 <= status_of(answer) < 500, (garbage[:50], answer[:100])


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
def test_ambiguous_framing_is_refused_and_the_connection_closed(address, framing):
    """Request smuggling: whatever follows an ambiguous request must not be taken for another one."""
    with RawConnection(address) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framing + b"\r\n"
            b"0\r\n\r\nGET /v1/games HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = connection.read_all()
        if answer:
            assert 400 <= status_of(answer) < 500
            assert answer.count(b"HTTP/1.1 ") == 1


def test_a_bad_chunk_is_refused(address):
    """Chunks with a wrong size, without an end, with more than the limit."""
    head = b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunks in [b"zz\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffff\r\n{}", b"-1\r\n\r\n"]:
        with RawConnection(address) as connection:
            connection.send(head + chunks)
            connection.finish()
            answer = connection.read_all()
            if answer:
                assert 400 <= status_of(answer) < 500
    with RawConnection(address) as connection:
        connection.send(head)
        for _ in range(400):
            connection.send(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert status_of(connection.read_all()) == 413


def test_truncated_requests_are_dropped(address):
    """A valid request cut at any byte, and then the end: no answer that says it was done."""
    body = json.dumps({"name": f"trunc{uuid.uuid4().hex[:12]}", "password": "long enough 1"}).encode()
    request = (
        b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )
    for size in range(len(request)):
        with RawConnection(address) as connection:
            connection.send(request[:size])
            connection.finish()
            answer = connection.read_all()
            if answer:
                assert 400 <= status_of(answer) < 500, (size, answer[:200])


def test_slow_headers_are_cut_off(api, address):
    """A client that sends its header byte by byte is cut off after the header time-out, however long it goes on."""
    began = time.monotonic()
    with RawConnection(address) as connection:
        connection.send(b"GET /v1/games HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        answer = b""
        connection.socket.settimeout(0.2)
        while time.monotonic() - began < 30:
            connection.send(b"a")
            try:
                chunk = connection.socket.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not chunk:
                break
            answer += chunk
        else:
            pytest.fail("still connected after 30 s")
    assert not answer or status_of(answer) == 408
    assert time.monotonic() - began < api.header_timeout + 10


def test_many_slow_clients_hold_nobody_up(api, address):
    """200 connections in the middle of a header: others are served as ever."""
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            connection = stack.enter_context(RawConnection(address))
            connection.send(b"GET /v1/games HTTP/1.1\r\nHost: x\r\nX-Slow: a")
        for _ in range(20):
            began = time.monotonic()
            assert httpx.get(api.url + "/v1/games", headers=api.headers("player"), timeout=5).status_code == 200
            assert time.monotonic() - began < 2


def test_pipelined_requests_are_answered_in_order(address):
    """Good, bad, good: each gets its answer."""
    with RawConnection(address) as connection:
        connection.send(
            b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /v1/players/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        answers = connection.read_all(20_000_000)
    statuses = [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 401]


# -- sizes ------------------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_before_it_is_read(address):
    """413 on the announcement alone."""
    with RawConnection(address) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n"
        )
        assert connection.read_answer()[0] == 413


@pytest.mark.parametrize("expect", [False, True])
def test_a_body_over_the_limit_is_refused_although_it_is_sent(api, address, expect):
    """The client gets its answer although it sends all of it."""
    body = b"x" * (300 * 1024)
    with RawConnection(address) as connection:
        connection.send(
            b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + (b"Expect: 100-continue\r\n" if expect else b"")
            + b"Content-Length: "
            + str(len(body)).encode()
            + b"\r\n\r\n"
        )
        if not expect:
            connection.send(body)
        assert connection.read_answer()[0] == 413
    check_problem(httpx.post(api.url + "/v1/players", content=body, headers={"content-type": "application/json"}), 413)


def test_a_huge_header_is_refused(address):
    """431 or 400 for a header past 16 KiB, in one field or in many."""
    for fields in [b"X-Long: " + b"a" * 20_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % i for i in range(3_000))]:
        with RawConnection(address) as connection:
            connection.send(b"GET /v1/games HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
            assert status_of(connection.read_all()) in (400, 431)


def test_a_huge_target_is_refused(address):
    """414 or 431 for a path or query past all bounds."""
    for target in [b"/v1/" + b"a" * 20_000, b"/v1/games?cursor=" + b"a" * 20_000]:
        with RawConnection(address) as connection:
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
def test_bad_json_is_a_problem(api, body):
    """Not JSON, not UTF-8, too deep, wrong types, unknown fields: 400 or 422, always with a problem."""
    answer = httpx.post(api.url + "/v1/players", content=body, headers={"content-type": "application/json"})
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
def test_bad_msgpack_is_a_problem(api, body):
    """Announced sizes are not believed, depth is bounded."""
    answer = httpx.post(api.url + "/v1/players", content=body, headers={"content-type": "application/msgpack"})
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
def test_bad_forms_are_a_problem(api, body):
    """The token route's form."""
    answer = httpx.post(
        api.url + "/v1/auth/token", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].split(";")[0] in ("application/problem+json", "application/json")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/jsonx", "a/b/c", "\x7f", "," * 100])
def test_other_content_types_are_a_problem(api, kind):
    """415."""
    answer = httpx.post(api.url + "/v1/players", content=b"{}", headers={"content-type": kind})
    check_problem(answer, 400, 415)


# -- tokens and other fields --------------------------------------------------------------------------------------


def test_bad_tokens_are_401(api):
    """Every mutilation of a good token, and what was never one."""
    good = api.headers("player")["authorization"].split(" ")[1]
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
        answer = httpx.get(api.url + "/v1/players/me", headers={"authorization": "Bearer " + token})
        check_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for field in ["", "Bearer", "Bearer ", "Basic dTpw", "bearer", good, "Bearer " + good + " x", "Bearer\t" + good + ",x"]:
        answer = httpx.get(api.url + "/v1/players/me", headers={"authorization": field})
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
def test_odd_fields_do_no_harm(api, fields):
    """Whatever stands in a header field, no 5xx and a whole answer."""
    with httpx.Client(base_url=api.url, headers=api.headers("player") | fields) as client:
        for answer in [
            client.get("/v1/players/me"),
            client.get("/v1/games"),
            client.patch("/v1/players/me", json={}),
            client.put(f"/v1/players/me/games/{uuid.uuid4()}"),
        ]:
            assert answer.status_code < 500, (fields, answer.text)


# -- everything at random -------------------------------------------------------------------------------------------

TEXTS = ["", "0", "-1", "a", "%00", "%ff", "..", "../..", "'; drop table player; --", "null", "9" * 30, "\u202e", "x" * 300, "{}"]


class Monkey:
    """Requests made up by dice from the API's own description."""

    def __init__(self, document: dict, seed: int, known_ids: list[str]):
        self.dice = random.Random(seed)
        self.routes = [
            (method, path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method in ("get", "put", "post", "delete", "patch", "options", "head")
        ]
        self.known_ids = known_ids

    def text(self) -> str:
        """Something where a text goes."""
        roll = self.dice.random()
        if roll < 0.3:
            return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        if roll < 0.45:
            return self.dice.choice(self.known_ids)
        if roll < 0.7:
            return self.dice.choice(TEXTS)
        return "".join(self.dice.choices(string.printable + "äß\u20ac\U0001f600", k=self.dice.randrange(40)))

    def value(self, depth: int = 0):
        """Any JSON value."""
        kind = self.dice.randrange(8 if depth < 4 else 5)
        if kind == 0:
            return None
        if kind == 1:
            return self.dice.choice([True, False])
        if kind == 2:
            return self.dice.choice([0, -1, 1.5, 2**31, 2**63, -(2**63), 2**64, 1e308])
        if kind in (3, 4):
            return self.text()
        if kind == 5:
            return [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
        names = ["name", "password", "owner", "username", "id", "grant_type", self.text()]
        return {self.dice.choice(names): self.value(depth + 1) for _ in range(self.dice.randrange(5))}

    def body(self) -> tuple[bytes, str]:
        """A body and what it claims to be."""
        roll = self.dice.random()
        if roll < 0.5:
            return json.dumps(self.value()).encode(), "application/json"
        if roll < 0.6:
            return json.dumps(self.value()).encode()[: self.dice.randrange(50)], "application/json"
        if roll < 0.75:
            return self.dice.randbytes(self.dice.randrange(200)), "application/msgpack"
        if roll < 0.9:
            fields = {"grant_type": self.dice.choice(["password", "refresh_token", self.text()])}
            fields |= {self.dice.choice(["username", "password", "refresh_token", "token"]): self.text() for _ in range(3)}
            return str(httpx.QueryParams(fields)).encode(), "application/x-www-form-urlencoded"
        return self.dice.randbytes(self.dice.randrange(500)), self.dice.choice(["text/plain", "", "application/json"])

    def request(self, client: httpx.Client, headers: dict[str, dict[str, str]]) -> httpx.Request:
        """One request, to a route of the document by one of its methods or another."""
        method, path, operation = self.dice.choice(self.routes)
        for parameter in operation.get("parameters", []):
            if parameter.get("in") == "path":
                path = path.replace("{%s}" % parameter["name"], httpx.QueryParams({"": self.text()}).__str__()[1:] or "x")
        while "{" in path:
            path = path[: path.index("{")] + str(uuid.uuid4()) + path[path.index("}") + 1 :]
        params = {
            parameter["name"]: self.text()
            for parameter in operation.get("parameters", [])
            if parameter.get("in") == "query" and self.dice.random() < 0.6
        }
        if self.dice.random() < 0.1:
            params[self.text() or "x"] = self.text()
        if self.dice.random() < 0.05:
            method = self.dice.choice(["get", "put", "post", "delete", "patch", "options", "head", "trace", "brew"])
        fields = dict(self.dice.choice(list(headers.values()))) if self.dice.random() < 0.85 else {}
        content = None
        if method in ("post", "put", "patch") and self.dice.random() < 0.9:
            content, kind = self.body()
            if kind:
                fields["content-type"] = kind
        if self.dice.random() < 0.2:
            fields["idempotency-key"] = str(self.dice.randrange(50))
        if self.dice.random() < 0.1:
            fields["if-match"] = self.dice.choice(['"1"', "*", '"x"', 'W/"1"'])
        if self.dice.random() < 0.1:
            fields["accept"] = self.dice.choice(["application/msgpack", "*/*", "text/html", "application/json;q=0"])
        return client.build_request(method.upper(), path, params=params, content=content, headers=fields)


def test_random_requests_never_fail_the_server(api):
    """10,000 requests to every route of the document, by every role: never a 5xx, never a connection without an answer."""
    document = httpx.get(api.url + "/openapi.json").json()
    headers = {role: api.headers(role) for role in ("player", "studio", "publisher", "operator")}
    games = httpx.get(api.url + "/v1/games", headers=headers["player"]).json()["items"]
    known = [game["id"] for game in games[:5]] or [str(uuid.uuid4())]
    monkey = Monkey(document, SEED, known)
    seen: dict[int, int] = {}
    routes: set[tuple[str, str]] = set()
    with httpx.Client(base_url=api.url, timeout=30) as client:
        for number in range(RANDOM_REQUESTS):
            request = monkey.request(client, headers)
            try:
                answer = client.send(request)
            except httpx.TransportError as error:
                pytest.fail(f"request {number} of seed {SEED}: {request.method} {request.url}: {error!r}")
            assert answer.status_code < 500, (
                f"request {number} of seed {SEED}: {request.method} {request.url} {request.content!r}: {answer.text}"
            )
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            routes.add((request.method, request.url.path.split("/")[-1]))
            if answer.status_code >= 400 and request.method != "HEAD" and answer.headers.get("content-type", "").startswith(
                "application/problem+json"
            ):
                assert answer.json()["status"] == answer.status_code
    assert {200, 400, 401, 403, 404, 422} <= set(seen), seen
    print("statuses:", dict(sorted(seen.items())))
