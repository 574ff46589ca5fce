"""/openapi.json: valid, complete, and true."""

import json
import pathlib

import pytest
from client import NOBODY, PASSWORD, Api, Session, fresh_name, key

openapi_spec_validator = pytest.importorskip("openapi_spec_validator")
GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.json"


@pytest.fixture(scope="module")
def document(api: Api) -> dict:
    """The served document."""
    answer = api.client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def operations(document: dict) -> dict[tuple[str, str], dict]:
    """Every operation by method and path."""
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "put", "post", "patch", "delete")
    }


def test_the_document_is_valid_openapi(document: dict) -> None:
    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(document)


def test_the_document_is_the_one_in_the_tree_and_of_the_command(cluster, api: Api) -> None:
    assert cluster.command("openapi").stdout == GOLDEN.read_text(encoding="utf-8")
    assert api.client.get("/openapi.json").json() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_route_of_the_design_is_there(document: dict) -> None:
    wanted = """
        POST /v1/auth/token
        POST /v1/auth/revoke
        POST /v1/players
        GET /v1/players/me
        PATCH /v1/players/me
        DELETE /v1/players/me
        GET /v1/players/{player_id}
        GET /v1/players/me/games
        PUT /v1/players/me/games/{game_id}
        DELETE /v1/players/me/games/{game_id}
        GET /v1/games
        GET /v1/games/{game_id}
        GET /v1/studios/me
        GET /v1/studios/me/games
        POST /v1/studios/me/games
        GET /v1/studios/me/games/popularity
        GET /v1/studios/me/players
        PUT /v1/studios/me/games/{game_id}/players/{player_id}
        DELETE /v1/studios/me/games/{game_id}/players/{player_id}
        GET /v1/publisher/me
        GET /v1/publisher/studios
        POST /v1/publisher/studios
        GET /v1/publisher/games/popularity
        GET /v1/publisher/players
    """
    has = {f"{method} {path}" for method, path in operations(document)}
    assert {line.strip() for line in wanted.splitlines() if line.strip()} <= has


def test_every_operation_is_described(document: dict) -> None:
    ids = set()
    for where, operation in operations(document).items():
        assert operation["operationId"] not in ids, where
        ids.add(operation["operationId"])
        assert operation["summary"], where
        assert operation["tags"], where
        assert any(status.startswith("2") for status in operation["responses"]), where
        for status, response in operation["responses"].items():
            response = resolved(document, response)
            assert response["description"], (where, status)
            if status.startswith(("4", "5")):
                own_form = where == ("GET", "/search") and status == "400"  # a published contract
                form = "application/json" if own_form else "application/problem+json"
                assert form in response["content"], (where, status)


def resolved(document: dict, node: dict) -> dict:
    """Follows a reference."""
    while "$ref" in node:
        path, node = node["$ref"].removeprefix("#/").split("/"), document
        for step in path:
            node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def test_every_answer_is_as_documented(
    document: dict,
    api: Api,
    player: Session,
    studio: Session,
    publisher: Session,
    operator: Session,
    game: dict,
) -> None:
    schema_of = pytest.importorskip("openapi_schema_validator")
    player.put(f"/v1/players/me/games/{game['id']}")
    seen = 0
    for (method, path), operation in operations(document).items():
        if method != "GET" or "{provider_id}" in path or "{event_id}" in path:
            continue
        sessions = {"studios": studio, "publisher": publisher, "providers": operator}
        session = sessions.get((path.split("/") + [""])[2], player)
        answer = session.get(path.format(player_id=player.id, game_id=game["id"]))
        assert answer.status_code == 200, (path, answer.text)
        response = resolved(document, operation["responses"]["200"])
        schema = response["content"]["application/json"]["schema"]
        validator = schema_of.OAS31Validator({**schema, "components": document["components"]})
        validator.validate(answer.json())
        seen += 1
    assert seen >= 12
    assert api


def test_every_documented_status_can_be_reached(
    document: dict,
    api: Api,
    player: Session,
    studio: Session,
    publisher: Session,
    operator: Session,
    game: dict,
) -> None:
    """Those that take no more than one request; overload, time-outs and lock-outs have tests of their own."""
    sessions = {"studios": studio, "publisher": publisher, "providers": operator}

    body = {"name": "Documented", "url": "https://example.org/events", "paused": True}
    provider = operator.post("/v1/providers", json=body).json()["id"]

    def reach(method: str, path: str, status: int):
        session = sessions.get((path.split("/") + [""])[2], player)
        real = path.format(
            player_id=player.id, game_id=game["id"], provider_id=provider, event_id=NOBODY
        )
        missing = path.format(player_id=NOBODY, game_id=NOBODY, provider_id=NOBODY, event_id=NOBODY)
        token = path.startswith("/v1/auth")
        body = {} if method in ("POST", "PATCH") and not token else None
        send = {"data": {"grant_type": "password"}} if token else {"json": body}
        if status == 401:
            if token:
                return api.token("nobody", PASSWORD)
            return api.client.request(method, real, **send)
        if status == 403:
            stranger = publisher if session is player else player
            return stranger.request(method, real, **send)
        if status == 404 and "{" in path and not (method == "DELETE" and session is player):
            return session.request(method, missing, **send)
        if status == 406:
            return session.request(method, real, headers={"Accept": "image/png"}, **send)
        if status == 413:
            return session.request(method, real, content=b"x" * 300_000)
        if status == 415:
            return session.request(method, real, content=b"x", headers={"Content-Type": "text/x"})
        if status == 400 and path == "/search":
            return session.request(method, real, params={"starts_at": "yesterday"})
        if status == 422:
            return session.request(method, real, params={"unknown": "1"}, **send)
        if status == 400:
            if path.startswith("/v1/events"):  # needs no token
                return session.get(real, params=[("limit", "1")] * 65)
            if method == "GET":
                twice = [("Authorization", f"Bearer {session.access}")] * 2
                return api.client.get(real, headers=twice)
            headers = {"Idempotency-Key": "x" * 300}
            return session.request(method, real, headers=headers, **send)
        if status == 412:
            return session.request(method, real, headers={"If-Match": '"99"'}, **send)
        if status == 304:
            return session.request(method, real, headers={"If-None-Match": "*"})
        return None  # among them 404 for one's own things, which cannot be missing

    reached, elsewhere = 0, []
    for (method, path), operation in operations(document).items():
        for text in operation["responses"]:
            status = int(text)
            answer = reach(method, path, status)
            if answer is None:
                elsewhere.append((method, path, status))
                continue
            assert answer.status_code == status, (method, path, status, answer.text)
            reached += 1
    assert reached > 80
    assert {status for _, _, status in elsewhere} <= {
        200,
        201,
        202,
        204,
        404,
        408,
        409,
        429,
        500,
        503,
    }


def test_the_documented_limits_are_the_real_ones(document: dict, api: Api) -> None:
    schema = resolved(
        document,
        operations(document)[("POST", "/v1/players")]["requestBody"]["content"]["application/json"][
            "schema"
        ],
    )
    name = resolved(document, schema["properties"]["name"])
    longest = name["maxLength"]

    def sign_up(text: str) -> int:
        body = {"name": text, "password": PASSWORD}
        return api.client.post("/v1/players", json=body, headers=key()).status_code

    base = fresh_name("n")
    assert sign_up(base + "x" * (longest - len(base))) == 201
    assert sign_up(base + "y" * (longest - len(base) + 1)) == 422
    assert sign_up("z" * (name["minLength"] - 1)) == 422
