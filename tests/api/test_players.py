"""Signing up, profiles, changing and deleting accounts."""

import pytest
from client import NOBODY, PASSWORD, TIMESTAMP, UUID7, Api, Session, fresh_name, pointers, problem


def test_signing_up_answers_with_the_player_and_where_it_is(api: Api) -> None:
    name = fresh_name("Ann")
    answer = api.client.post("/v1/players", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 201
    player = answer.json()
    assert set(player) == {"id", "name", "created_at"}
    assert player["name"] == name
    assert UUID7.fullmatch(player["id"])
    assert TIMESTAMP.fullmatch(player["created_at"])
    assert answer.headers["location"] == f"/v1/players/{player['id']}"
    session = api.log_in(name)
    assert session.get(answer.headers["location"]).json() == player
    assert session.get("/v1/players/me").json() == player


def test_a_taken_name_is_a_conflict_whatever_its_case(api: Api, player: Session) -> None:
    for name in (player.name, player.name.upper()):
        answer = api.client.post("/v1/players", json={"name": name, "password": PASSWORD})
        problem(answer, 409, "name-taken")


def test_staff_names_are_taken_too(api: Api, world) -> None:
    for one in world.staff:
        answer = api.client.post("/v1/players", json={"name": one.name, "password": PASSWORD})
        problem(answer, 409, "name-taken")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/name", "/password"}),
        ({"name": "ann"}, {"/password"}),
        ({"name": "", "password": PASSWORD}, {"/name"}),
        ({"name": "ab", "password": PASSWORD}, {"/name"}),
        ({"name": "a" * 33, "password": PASSWORD}, {"/name"}),
        ({"name": "-ann", "password": PASSWORD}, {"/name"}),
        ({"name": "an n", "password": PASSWORD}, {"/name"}),
        ({"name": "änn", "password": PASSWORD}, {"/name"}),
        ({"name": "ann\n", "password": PASSWORD}, {"/name"}),
        ({"name": 7, "password": PASSWORD}, {"/name"}),
        ({"name": None, "password": PASSWORD}, {"/name"}),
        ({"name": ["ann"], "password": PASSWORD}, {"/name"}),
        ({"name": "some-name", "password": "short"}, {"/password"}),
        ({"name": "some-name", "password": "x" * 129}, {"/password"}),
        ({"name": "some-name", "password": "é" * 65}, {"/password"}),
        ({"name": "some-name", "password": PASSWORD, "role": "publisher"}, {"/role"}),
        ({"name": "a", "password": "b", "x/y~z": 1}, {"/name", "/password", "/x~1y~0z"}),
    ],
)
def test_wrong_fields_are_all_named_by_pointers(api: Api, body: dict, wrong: set[str]) -> None:
    found = pointers(api.client.post("/v1/players", json=body))
    assert found, "no pointer at all"
    assert found <= wrong
    if len(wrong) > 1:
        assert len(found) > 1, "only the first error was told"


def test_names_and_passwords_at_their_bounds_are_fine(api: Api) -> None:
    api.sign_up(fresh_name("a" * 12))
    api.sign_up(fresh_name(), "x" * 8)
    api.sign_up(fresh_name(), "é" * 64)  # 128 bytes
    api.sign_up(fresh_name("A.b_c"), "pässwörd \U0001f3ae with spaces")


def test_a_profile_is_public_for_everybody_with_a_token(
    api: Api, player: Session, publisher: Session, operator: Session, studio: Session
) -> None:
    other = api.sign_up()
    for session in (other, publisher, operator, studio):
        answer = session.get(f"/v1/players/{player.id}")
        assert answer.status_code == 200
        assert set(answer.json()) == {"id", "name", "created_at"}
    problem(api.client.get(f"/v1/players/{player.id}"), 401, "missing-token")


@pytest.mark.parametrize(
    "wrong", [NOBODY, "x", "%00", "00000000-0000-0000-0000-000000000000", "ME"]
)
def test_a_player_who_does_not_exist_is_not_found(player: Session, wrong: str) -> None:
    problem(player.get(f"/v1/players/{wrong}"), 404, "no-such-player")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_only_players_have_a_profile_of_their_own(
    method: str, publisher: Session, operator: Session, studio: Session
) -> None:
    for session in (publisher, operator, studio):
        more = {"json": {}} if method == "PATCH" else {}
        problem(session.request(method, "/v1/players/me", **more), 403, "forbidden")


# -- changing ---------------------------------------------------------------------------------------------


def test_a_new_name_replaces_the_old_one_which_becomes_free(api: Api, player: Session) -> None:
    old, new = player.name, fresh_name("renamed")
    answer = player.patch("/v1/players/me", json={"name": new})
    assert answer.status_code == 200
    assert answer.json()["name"] == new
    assert player.get("/v1/players/me").json()["name"] == new
    api.log_in(new)
    # the old name is freed by a job right after the answer
    from troupe_server import until

    def is_free() -> bool:
        answer = api.client.post("/v1/players", json={"name": old, "password": "another password"})
        return answer.status_code == 201

    until(is_free, "the old name is free")
    assert player.get("/v1/players/me").json()["name"] == new
    problem(api.token(old, PASSWORD), 401, "invalid-credentials")


def test_a_change_of_case_only_is_no_conflict_with_oneself(player: Session) -> None:
    answer = player.patch("/v1/players/me", json={"name": player.name.upper()})
    assert answer.status_code == 200
    assert player.get("/v1/players/me").json()["name"] == player.name.upper()


def test_a_name_of_somebody_else_stays_theirs(api: Api, player: Session) -> None:
    other = api.sign_up()
    problem(player.patch("/v1/players/me", json={"name": other.name}), 409, "name-taken")
    assert player.get("/v1/players/me").json()["name"] == player.name


def test_nothing_to_change_changes_nothing(player: Session) -> None:
    before = player.get("/v1/players/me")
    answer = player.patch("/v1/players/me", json={})
    assert answer.status_code == 200
    assert answer.json() == before.json()


def test_a_new_password_needs_the_present_one(player: Session) -> None:
    new = {"password": "a better password"}
    assert pointers(player.patch("/v1/players/me", json=new)) == {"/current_password"}
    wrong = {**new, "current_password": "not the present one"}
    assert pointers(player.patch("/v1/players/me", json=wrong)) == {"/current_password"}
    only = {"current_password": PASSWORD}
    assert pointers(player.patch("/v1/players/me", json=only)) == {"/password"}


# -- deleting ---------------------------------------------------------------------------------------------


def test_a_deleted_player_is_gone_from_everywhere(
    api: Api, player: Session, studio: Session, publisher: Session, game: dict
) -> None:
    from troupe_server import until

    assert player.put(f"/v1/players/me/games/{game['id']}").status_code == 201
    assert [one["players_count"] for one in studio.walk("/v1/studios/me/games/popularity")] == [1]
    second = api.log_in(player.name)
    answer = player.delete("/v1/players/me")
    assert (answer.status_code, answer.content) == (204, b"")

    # every token is dead
    for session in (player, second):
        problem(session.get("/v1/players/me"), 401, "invalid-token")
        problem(api.refresh(session.refresh), 401, "invalid-token")
    problem(api.token(player.name, PASSWORD), 401, "invalid-credentials")
    # the profile, the library and its counts are gone
    problem(publisher.get(f"/v1/players/{player.id}"), 404, "no-such-player")
    assert studio.walk("/v1/studios/me/players") == []
    assert publisher.walk("/v1/publisher/players", game_id=game["id"]) == []
    assert [one["players_count"] for one in studio.walk("/v1/studios/me/games/popularity")] == [0]
    path = f"/v1/studios/me/games/{game['id']}/players/{player.id}"
    problem(studio.put(path), 404, "no-such-player")

    # the name is free again, for another player
    def is_free() -> bool:
        answer = api.client.post("/v1/players", json={"name": player.name, "password": PASSWORD})
        return answer.status_code == 201

    until(is_free, "the name is free")
    assert api.log_in(player.name).get("/v1/players/me").json()["id"] != player.id


def test_the_name_of_a_deleted_player_is_replaced_in_the_database(
    cluster, api: Api, player: Session
) -> None:
    assert player.delete("/v1/players/me").status_code == 204
    held = []
    for database in ("a", "b"):
        with cluster.connect(database) as connection:
            held += connection.execute(
                "select name from troupe.player where player_id = %s", (player.id,)
            ).fetchall()
    assert len(held) == 1
    assert player.name.lower() not in held[0][0].lower()
