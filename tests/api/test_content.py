"""Forms of bodies and answers, methods, header fields, limits on size."""

import gzip
import json
import socket
import urllib.parse

import msgpack
import pytest
from client import PASSWORD, UUID7, Api, Session, fresh_name, pointers, problem
from troupe_server import Cluster, Server

MSGPACK = "application/msgpack"
FORM = "application/x-www-form-urlencoded"


def raw_exchange(server: Server, request: bytes) -> bytes:
    """Sends bytes and reads until the server closes."""
    url = urllib.parse.urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


# -- msgpack ------------------------------------------------------------------------------------------------


def test_bodies_and_answers_may_be_msgpack(api: Api) -> None:
    body = msgpack.packb({"name": fresh_name(), "password": PASSWORD})
    headers = {"Content-Type": MSGPACK, "Accept": MSGPACK}
    answer = api.client.post("/v1/players", content=body, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == MSGPACK
    player = msgpack.unpackb(answer.content)
    session = api.log_in(player["name"])
    assert session.get("/v1/players/me").json() == player
    packed = session.get("/v1/players/me", headers={"Accept": MSGPACK})
    assert msgpack.unpackb(packed.content) == player


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json;q=0.1, application/msgpack", MSGPACK),
        ("text/html, application/msgpack;q=0.5", MSGPACK),
        ("application/msgpack;q=0, */*", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_client_chooses_the_form(player: Session, accept: str, wanted: str) -> None:
    answer = player.get("/v1/players/me", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == wanted
    assert "accept" in answer.headers["vary"].lower()


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*"])
def test_a_form_that_there_is_not_is_refused(player: Session, accept: str) -> None:
    problem(player.get("/v1/players/me", headers={"Accept": accept}), 406, "not-acceptable")


def test_problems_are_json_whatever_the_client_likes(player: Session) -> None:
    answer = player.get("/v1/games/x", headers={"Accept": MSGPACK})
    problem(answer, 404, "no-such-game")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgpack.packb([1, 2]),
        msgpack.packb("text"),
        msgpack.packb({"name": "x"})[:-1],
        msgpack.packb({"name": "x"}) + b"\x00",
        msgpack.packb({1: "x"}),
        b"\x81" * 1000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff\x00",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_broken_msgpack_is_refused(api: Api, body: bytes) -> None:
    answer = api.client.post("/v1/players", content=body, headers={"Content-Type": MSGPACK})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# -- JSON -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"{} {}",
        b"{'name': 1}",
        b'{"name": "a",}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\nb"}',
        b"[" * 100 + b"]" * 100,
        b'{"name":' * 100 + b"1" + b"}" * 100,
        b"\x00",
        b"\xef\xbb\xbf{}",
    ],
)
def test_broken_json_is_a_malformed_body(api: Api, body: bytes) -> None:
    answer = api.client.post(
        "/v1/players", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["type"] in ("/problems/malformed-body", "/problems/invalid-field")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7"])
def test_json_of_another_kind_is_refused(api: Api, body: bytes) -> None:
    answer = api.client.post(
        "/v1/players", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)


def test_a_member_that_stands_twice_does_no_harm(api: Api) -> None:
    first, second = fresh_name(), fresh_name()
    body = f'{{"name": "{first}", "name": "{second}", "password": "{PASSWORD}"}}'
    answer = api.client.post(
        "/v1/players", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (201, 400, 422)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        FORM,
        "multipart/form-data",
        "application/json; charset=latin1",
    ],
)
def test_other_content_types_are_refused(api: Api, content_type: str) -> None:
    body = json.dumps({"name": fresh_name(), "password": PASSWORD})
    headers = {"Content-Type": content_type} if content_type else {}
    problem(
        api.client.post("/v1/players", content=body, headers=headers),
        415,
        "unsupported-media-type",
    )


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_may_name_its_charset(api: Api, content_type: str) -> None:
    body = json.dumps({"name": fresh_name(), "password": PASSWORD})
    answer = api.client.post("/v1/players", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 201


def test_compressed_bodies_are_refused(api: Api) -> None:
    body = gzip.compress(json.dumps({"name": fresh_name(), "password": PASSWORD}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    problem(
        api.client.post("/v1/players", content=body, headers=headers),
        415,
        "unsupported-media-type",
    )


# -- gzip -----------------------------------------------------------------------------------------------------


def test_large_answers_are_compressed_when_asked(publisher: Session) -> None:
    path, params = "/v1/publisher/players", {"limit": 100}
    plain = publisher.get(path, params=params, headers={"Accept-Encoding": "identity"})
    packed = publisher.get(path, params=params, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert len(plain.content) >= 1024
    assert int(packed.headers["content-length"]) < len(plain.content)
    refused = publisher.get(path, params=params, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "content-encoding" not in refused.headers


def test_small_answers_are_not_compressed(player: Session) -> None:
    answer = player.get("/v1/players/me", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


# -- methods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/games", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/players", {"POST", "OPTIONS"}),
        ("PUT", "/v1/players/me", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("POST", "/v1/studios/me", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/auth/token", {"POST", "OPTIONS"}),
        ("BREW", "/v1/games", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/v1/games", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = api.client.request(method, path)
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/games/",
        "/v2/games",
        "/v1/players/me/games/x/y",
        "/v1//games",
        "/%2e%2e",
    ],
)
def test_other_paths_are_not_found(player: Session, path: str) -> None:
    answer = player.get(path)
    if path == "/" and answer.status_code in (301, 302, 303, 307, 308):
        return  # to the page
    problem(answer, 404, "not-found")


@pytest.mark.parametrize("path", ["/v1/players/me", "/v1/games", "/openapi.json", "/docs"])
def test_head_is_get_without_the_body(player: Session, path: str) -> None:
    full, head = player.get(path), player.request("HEAD", path)
    assert head.status_code == full.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag"):
        assert head.headers.get(name) == full.headers.get(name), name


def test_options_tells_what_a_path_knows(api: Api) -> None:
    answer = api.client.options("/v1/players/me")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "PATCH" in answer.headers["allow"]
    problem(api.client.options("/v1/nothing"), 404, "not-found")


# -- CORS ---------------------------------------------------------------------------------------------------------


def test_without_configured_origins_no_page_may_call(player: Session) -> None:
    answer = player.get("/v1/players/me", headers={"Origin": "https://game.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


# -- tracing ------------------------------------------------------------------------------------------------------


def test_every_answer_has_a_request_id(api: Api, player: Session) -> None:
    for answer in (
        player.get("/v1/players/me"),
        api.client.get("/nothing"),
        api.client.get("/docs"),
        api.client.post("/v1/players", content=b"{"),
    ):
        assert UUID7.fullmatch(answer.headers["x-request-id"])


def test_a_clients_request_id_is_echoed_when_it_is_harmless(player: Session) -> None:
    def echoed(given: str) -> str:
        return player.get("/v1/players/me", headers={"X-Request-Id": given}).headers["x-request-id"]

    assert echoed("order-4711.a:b_c") == "order-4711.a:b_c"
    for bad in ("", "x" * 65, "a b", 'a"b', "<script>"):
        assert UUID7.fullmatch(echoed(bad))


def test_a_trace_is_continued(player: Session) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = player.get(
        "/v1/players/me", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    )
    version, trace_id, span, flags = answer.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "01")
    assert span != "b7ad6b7169203331" and len(span) == 16
    for bad in ("", "x", f"00-{'0' * 32}-b7ad6b7169203331-01", f"ff-{trace}-b7ad6b7169203331-01"):
        answer = player.get("/v1/players/me", headers={"traceparent": bad})
        assert answer.status_code == 200
        assert trace not in answer.headers.get("traceparent", "") or not bad


def test_the_log_knows_request_and_trace_ids(server: Server, player: Session) -> None:
    from troupe_server import until

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert server.operations("/log-level", "PUT", content="debug").status_code == 200
    try:
        headers = {
            "X-Request-Id": fresh_name("rid"),
            "traceparent": f"00-{trace}-00f067aa0ba902b7-00",
        }
        player.get("/v1/players/me", headers=headers)

        def line():
            return [
                one
                for one in server.log_lines()
                if one.get("request_id") == headers["X-Request-Id"]
            ]

        found = until(line, "the request is in the log")
        assert found[0]["trace_id"] == trace
        assert found[0]["status"] == 200
        assert found[0]["account"] == player.id
        assert player.access not in server.log.read_text(encoding="utf-8")
    finally:
        server.operations("/log-level", "PUT", content="info")


# -- sizes --------------------------------------------------------------------------------------------------------


def test_a_body_beyond_the_limit_is_refused(server: Server, api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"name": "' + b"a" * (256 * 1024) + b'"}'
    problem(api.client.post("/v1/players", content=body, headers=headers), 413, "body-too-large")
    # also before it was sent, and in chunks whose end is far
    head = b"POST /v1/players HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    answer = raw_exchange(server, head + b"Content-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    answer = raw_exchange(
        server,
        head
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b"a" * 0x8000
        + b"\r\nFFFFFFF\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_within_the_limit_may_come_in_chunks(api: Api) -> None:
    text = json.dumps({"name": fresh_name(), "password": PASSWORD}).encode()

    def pieces():
        for at in range(0, len(text), 7):
            yield text[at : at + 7]

    answer = api.client.post(
        "/v1/players", content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201


def test_too_long_lines_and_headers_are_refused(api: Api) -> None:
    assert api.client.get("/v1/games", params={"cursor": "a" * 20000}).status_code in (414, 431)
    answer = api.client.get("/v1/games", headers={"X-Long": "a" * 20000})
    problem(answer, 431, "header-too-large")
    many = [(f"X-{number}", "a") for number in range(3000)]
    problem(api.client.get("/v1/games", headers=many), 431, "header-too-large")


# -- problem pages --------------------------------------------------------------------------------------------------


def test_every_problem_type_has_a_page(api: Api, player: Session) -> None:
    types = {
        player.get("/v1/games/x").json()["type"],
        api.client.get("/v1/players/me").json()["type"],
        api.client.get("/nothing").json()["type"],
    }
    document = api.client.get("/openapi.json").text
    types |= {f"/problems/{slug}" for slug in ("name-taken", "locked-out", "key-reused")}
    for path in types:
        page = api.client.get(path)
        assert page.status_code == 200, path
        assert page.headers["content-type"].startswith("text/html")
        assert path in page.text
    assert "/problems/" in document
    problem(api.client.get("/problems/there-is-no-such-problem"), 404, "not-found")


def test_configured_origins_may_call(cluster: Cluster, server: Server) -> None:
    # Last in the file: it takes the place of the server that the others use.
    assert server.stop() == 0
    running = cluster.serve(http__cors_origins="https://game.example,https://other.example")
    api = Api(running.url)
    preflight = api.client.options(
        "/v1/players/me",
        headers={
            "Origin": "https://game.example",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://game.example"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "idempotency-key" in allowed
    answer = api.client.get("/v1/players/me", headers={"Origin": "https://other.example"})
    assert answer.status_code == 401  # a page must be able to read failures too
    assert answer.headers["access-control-allow-origin"] == "https://other.example"
    assert "origin" in answer.headers["vary"].lower()
    exposed = answer.headers["access-control-expose-headers"].lower()
    for name in ("etag", "link", "ratelimit", "x-request-id"):
        assert name in exposed
    stranger = api.client.get("/v1/players/me", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers
    assert running.stop() == 0
    server.restart()
