"""ETag, If-None-Match and If-Match."""

import pytest
from client import Api, Session, fresh_name, problem


def test_a_profile_has_a_tag_that_grows_with_each_change(player: Session) -> None:
    first = player.get("/v1/players/me").headers["etag"]
    assert first == '"1"'
    changed = player.patch("/v1/players/me", json={"name": fresh_name()})
    assert changed.headers["etag"] == '"2"'
    assert player.get("/v1/players/me").headers["etag"] == '"2"'


@pytest.mark.parametrize("condition", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_what_the_client_has_already_is_not_sent_again(player: Session, condition: str) -> None:
    answer = player.get("/v1/players/me", headers={"If-None-Match": condition})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1"'


@pytest.mark.parametrize("condition", ['"2"', '"x"', "1", "", '"1'])
def test_other_tags_get_the_whole_answer(player: Session, condition: str) -> None:
    answer = player.get("/v1/players/me", headers={"If-None-Match": condition})
    assert answer.status_code == 200
    assert answer.json()["id"] == player.id


def test_the_same_holds_for_every_versioned_route(
    player: Session, studio: Session, publisher: Session, game: dict
) -> None:
    for session, path in (
        (player, f"/v1/players/{player.id}"),
        (player, f"/v1/games/{game['id']}"),
        (studio, "/v1/studios/me"),
        (publisher, "/v1/publisher/me"),
    ):
        tag = session.get(path).headers["etag"]
        assert session.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_change_on_an_old_version_is_refused(player: Session) -> None:
    first, second = fresh_name(), fresh_name()
    old = {"If-Match": '"1"'}
    assert player.patch("/v1/players/me", json={"name": first}, headers=old).status_code == 200
    problem(
        player.patch("/v1/players/me", json={"name": second}, headers=old),
        412,
        "precondition-failed",
    )
    problem(player.delete("/v1/players/me", headers=old), 412, "precondition-failed")
    assert player.get("/v1/players/me").json()["name"] == first
    assert player.delete("/v1/players/me", headers={"If-Match": '"2"'}).status_code == 204


@pytest.mark.parametrize(("condition", "status"), [("*", 200), ('"9", "1"', 200), ('W/"1"', 412)])
def test_lists_of_tags_stars_and_weak_tags(player: Session, condition: str, status: int) -> None:
    answer = player.patch(
        "/v1/players/me", json={"name": fresh_name()}, headers={"If-Match": condition}
    )
    assert answer.status_code == status


def test_the_name_that_a_refused_change_wanted_stays_free(api: Api, player: Session) -> None:
    from troupe_server import until

    wanted = fresh_name()
    answer = player.patch("/v1/players/me", json={"name": wanted}, headers={"If-Match": '"9"'})
    problem(answer, 412, "precondition-failed")
    body = {"name": wanted, "password": "another password"}
    until(lambda: api.client.post("/v1/players", json=body).status_code == 201, "the name is free")
