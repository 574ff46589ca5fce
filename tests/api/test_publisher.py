"""What the publisher does: studios, and who plays what over all of them."""

from collections.abc import Callable

import pytest
from client import NOBODY, TIMESTAMP, UUID7, Api, Session, fresh_name, pointers, problem


def studio_body(**more: object) -> dict:
    """A studio to make."""
    owner = {"username": fresh_name("o"), "password": "studio password"}
    return {"name": fresh_name("Studio"), "owner": owner, **more}


def test_the_publisher_sees_itself(publisher: Session) -> None:
    own = publisher.get("/v1/publisher/me").json()
    assert own["username"] == publisher.name
    assert UUID7.fullmatch(own["id"])


def test_a_new_studio_has_an_owner_who_can_log_in(api: Api, publisher: Session) -> None:
    body = studio_body()
    answer = publisher.post("/v1/publisher/studios", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["name"] == body["name"]
    assert made["owner"]["username"] == body["owner"]["username"]
    assert TIMESTAMP.fullmatch(made["created_at"])
    assert "password" not in answer.text
    session = api.log_in(body["owner"]["username"], "studio password")
    assert session.get("/v1/studios/me").json()["id"] == made["id"]
    listed = {one["id"]: one for one in publisher.walk("/v1/publisher/studios", limit=100)}
    assert listed[made["id"]]["name"] == body["name"]


def test_names_of_studios_and_owners_are_unique(publisher: Session, player: Session) -> None:
    body = studio_body()
    assert publisher.post("/v1/publisher/studios", json=body).status_code == 201
    again = studio_body(name=body["name"].upper())
    problem(publisher.post("/v1/publisher/studios", json=again), 409, "studio-name-taken")
    same_owner = studio_body(owner=body["owner"])
    problem(publisher.post("/v1/publisher/studios", json=same_owner), 409, "username-taken")
    players_name = studio_body(owner={"username": player.name, "password": "studio password"})
    problem(publisher.post("/v1/publisher/studios", json=players_name), 409, "username-taken")


def test_the_owners_name_of_a_refused_studio_can_be_used_again(publisher: Session) -> None:
    from troupe_server import until

    taken = studio_body()
    publisher.post("/v1/publisher/studios", json=taken)
    body = studio_body(name=taken["name"])
    problem(publisher.post("/v1/publisher/studios", json=body), 409, "studio-name-taken")
    free = studio_body(owner=body["owner"])
    until(
        lambda: publisher.post("/v1/publisher/studios", json=free).status_code == 201,
        "the owner's name is free",
    )


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"name": "Only"}, {"/owner"}),
        ({"name": "", "owner": {"username": "someone", "password": "long enough"}}, {"/name"}),
        (
            {"name": "Ok", "owner": {"username": "x", "password": "long enough"}},
            {"/owner/username"},
        ),
        ({"name": "Ok", "owner": {"username": "someone", "password": "x"}}, {"/owner/password"}),
        ({"name": "Ok", "owner": "someone"}, {"/owner"}),
        (
            {"name": "Ok", "owner": {"username": "someone", "password": "long enough", "x": 1}},
            {"/owner/x"},
        ),
    ],
)
def test_a_studio_needs_a_name_and_an_owner(
    publisher: Session, body: dict, wrong: set[str]
) -> None:
    assert pointers(publisher.post("/v1/publisher/studios", json=body)) == wrong


def test_only_the_publisher_is_let_in(player: Session, studio: Session, operator: Session) -> None:
    for session in (player, studio, operator):
        problem(session.get("/v1/publisher/me"), 403, "forbidden")
        problem(session.get("/v1/publisher/studios"), 403, "forbidden")
        problem(session.post("/v1/publisher/studios", json=studio_body()), 403, "forbidden")
        problem(session.get("/v1/publisher/games/popularity"), 403, "forbidden")
        problem(session.get("/v1/publisher/players"), 403, "forbidden")


def test_players_are_listed_by_studio_and_game(
    api: Api, publisher: Session, new_studio: Callable[[], Session]
) -> None:
    studios = [new_studio(), new_studio()]
    games = [
        one.post("/v1/studios/me/games", json={"name": fresh_name("Game")}).json()
        for one in studios
    ]
    ann, bob = api.sign_up(), api.sign_up()
    for game in games:
        ann.put(f"/v1/players/me/games/{game['id']}")
    bob.put(f"/v1/players/me/games/{games[1]['id']}")

    def found(**params: str) -> set[tuple[str, str]]:
        listed = publisher.walk("/v1/publisher/players", **params)
        pairs = {(one["game"]["id"], one["player"]["name"]) for one in listed}
        assert len(pairs) == len(listed)
        return pairs

    first, second = (game["id"] for game in games)
    name = studios[1].get("/v1/studios/me").json()["name"]
    assert found(studio_id=studios[0].id) == {(first, ann.name)}
    assert found(studio_id=studios[1].id) == {(second, ann.name), (second, bob.name)}
    assert found(studio_name=name.upper()) == {(second, ann.name), (second, bob.name)}
    assert found(game_id=second) == {(second, ann.name), (second, bob.name)}
    assert found(studio_id=studios[1].id, studio_name=name, game_id=second) == found(game_id=second)
    assert found(studio_id=studios[0].id, game_id=second) == set()
    assert found(studio_id=studios[0].id, studio_name=name) == set()
    everything = found(limit="100")
    assert {(first, ann.name), (second, ann.name), (second, bob.name)} <= everything


def test_filters_that_name_nothing_are_not_found(publisher: Session) -> None:
    def answer(**params: str):
        return publisher.get("/v1/publisher/players", params=params)

    problem(answer(studio_id=NOBODY), 404, "no-such-studio")
    problem(answer(studio_name="there is no such studio"), 404, "no-such-studio")
    problem(answer(game_id=NOBODY), 404, "no-such-game")
    assert pointers(answer(studio_id="x")) == {"studio_id"}
    assert pointers(answer(unknown="x")) == {"unknown"}
