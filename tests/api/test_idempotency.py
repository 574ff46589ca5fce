"""Idempotency-Key: one effect and one answer, whatever happens between two tries."""

import concurrent.futures
from collections.abc import Callable

import pytest
from client import PASSWORD, Api, Session, fresh_name, key, problem
from troupe_server import Server, until


def same(first, again) -> None:
    """Checks that the second answer is the first one, replayed."""
    assert again.status_code == first.status_code, again.text
    assert again.content == first.content
    for name in ("location", "etag", "content-type"):
        assert again.headers.get(name) == first.headers.get(name)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_repeated_sign_up_makes_one_player(api: Api) -> None:
    body, under = {"name": fresh_name(), "password": PASSWORD}, key()
    first = api.client.post("/v1/players", json=body, headers=under)
    assert first.status_code == 201
    for _ in range(3):
        same(first, api.client.post("/v1/players", json=body, headers=under))


def test_every_change_can_be_repeated(player: Session, studio: Session, game: dict) -> None:
    def twice(session: Session, method: str, path: str, status: int, body: dict | None = None):
        under = key()
        first = session.request(method, path, json=body, headers=under)
        assert first.status_code == status, first.text
        same(first, session.request(method, path, json=body, headers=under))

    mine = f"/v1/players/me/games/{game['id']}"
    theirs = f"/v1/studios/me/games/{game['id']}/players/{player.id}"
    twice(player, "PUT", mine, 201)
    twice(player, "PUT", mine, 200)
    twice(player, "DELETE", mine, 204)
    twice(player, "PATCH", "/v1/players/me", 200, {"name": fresh_name()})
    twice(studio, "POST", "/v1/studios/me/games", 201, {"name": fresh_name()})
    twice(studio, "PUT", theirs, 201)
    twice(studio, "DELETE", theirs, 204)


def test_a_repeated_put_after_a_removal_does_not_put_again(player: Session, game: dict) -> None:
    path, under = f"/v1/players/me/games/{game['id']}", key()
    first = player.put(path, headers=under)
    assert player.delete(path).status_code == 204
    same(first, player.put(path, headers=under))
    assert player.walk("/v1/players/me/games") == []


def test_a_repeated_studio_is_one_studio(publisher: Session) -> None:
    owner = {"username": fresh_name("o"), "password": "studio password"}
    body, under = {"name": fresh_name("Studio"), "owner": owner}, key()
    first = publisher.post("/v1/publisher/studios", json=body, headers=under)
    assert first.status_code == 201
    same(first, publisher.post("/v1/publisher/studios", json=body, headers=under))


def test_a_key_is_good_for_one_request_only(api: Api, player: Session, game: dict) -> None:
    under = key()
    body = {"name": fresh_name(), "password": PASSWORD}
    assert api.client.post("/v1/players", json=body, headers=under).status_code == 201
    other = {**body, "name": fresh_name()}
    problem(api.client.post("/v1/players", json=other, headers=under), 422, "key-reused")
    under = key()
    path = f"/v1/players/me/games/{game['id']}"
    assert player.put(path, headers=under).status_code == 201
    problem(player.delete(path, headers=under), 422, "key-reused")
    assert len(player.walk("/v1/players/me/games")) == 1


def test_a_key_belongs_to_its_account(api: Api, player: Session, game: dict) -> None:
    under, path = key(), f"/v1/players/me/games/{game['id']}"
    assert player.put(path, headers=under).status_code == 201
    other = api.sign_up()
    answer = other.put(path, headers=under)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


def test_a_failed_request_may_be_repeated_and_then_succeed(api: Api, player: Session) -> None:
    under = key()
    body = {"name": player.name, "password": PASSWORD}
    problem(api.client.post("/v1/players", json=body, headers=under), 409, "name-taken")
    assert player.patch("/v1/players/me", json={"name": fresh_name()}).status_code == 200
    until(
        lambda: api.client.post("/v1/players", json=body, headers=under).status_code == 201,
        "the name is free",
    )


def test_the_same_request_at_once_has_one_effect(api: Api, studio: Session) -> None:
    name, under = fresh_name(), key()

    def create(_: int):
        return studio.post("/v1/studios/me/games", json={"name": name}, headers=under)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(create, range(16)))
    made = [one for one in answers if one.status_code == 201]
    assert made
    assert len({one.json()["id"] for one in made}) == 1
    assert sum("idempotency-replayed" not in one.headers for one in made) == 1
    for one in answers:
        if one.status_code != 201:
            problem(one, 409, "operation-in-flight")
    assert len(studio.walk("/v1/studios/me/games")) == 1


@pytest.mark.parametrize("wrong", ["", "x" * 256, "a\tb", "ä".encode()])
def test_a_key_must_be_short_and_printable(player: Session, game: dict, wrong: str | bytes) -> None:
    headers = {"Idempotency-Key": wrong}
    answer = player.put(f"/v1/players/me/games/{game['id']}", headers=headers)
    problem(answer, 400, "malformed-request")
    assert player.walk("/v1/players/me/games") == []


def test_a_quoted_key_is_the_same_key(player: Session, game: dict) -> None:
    path, under = f"/v1/players/me/games/{game['id']}", key()["Idempotency-Key"]
    first = player.put(path, headers={"Idempotency-Key": f'"{under}"'})
    same(first, player.put(path, headers={"Idempotency-Key": under}))


# Last in the file: it restarts the server that the others use.
@pytest.mark.parametrize("how", ["drained", "killed", "killed, Redis empty"])
def test_an_answer_outlives_the_server(
    cluster, server: Server, how: str, new_game: Callable[[], dict], api: Api
) -> None:
    game, player = new_game(), api.sign_up()
    path, under = f"/v1/players/me/games/{game['id']}", key()
    sign_up, sign_up_key = {"name": fresh_name(), "password": PASSWORD}, key()
    first = player.put(path, headers=under)
    signed_up = api.client.post("/v1/players", json=sign_up, headers=sign_up_key)
    assert (first.status_code, signed_up.status_code) == (201, 201)
    player.delete(path)
    if how == "drained":
        assert server.stop() == 0
    else:
        server.kill()
    if how.endswith("Redis empty"):
        cluster.redis.stop()
        cluster.redis.start()
    server.restart()
    api.client.base_url = server.url
    same(first, player.put(path, headers=under))
    same(signed_up, api.client.post("/v1/players", json=sign_up, headers=sign_up_key))
    assert player.walk("/v1/players/me/games") == []
    other = {**sign_up, "name": fresh_name()}
    problem(api.client.post("/v1/players", json=other, headers=sign_up_key), 422, "key-reused")
