"""Lists: every item exactly once, whatever the page size; cursors that cannot be made up."""

import base64
from collections.abc import Callable

import pytest
from client import Api, Session, pointers, problem


@pytest.fixture(scope="module")
def collector(api: Api, publisher: Session) -> Session:
    """A player who has every game there is."""
    session = api.sign_up()
    for game in publisher.walk("/v1/games", limit=100):
        assert session.put(f"/v1/players/me/games/{game['id']}").status_code == 201
    return session


def game_id(item: dict) -> str:
    """Of any item of a list of games."""
    return item["game"]["id"] if "game" in item else item["id"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 100])
@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("publisher", "/v1/games"),
        ("publisher", "/v1/publisher/studios"),
        ("publisher", "/v1/publisher/games/popularity"),
        ("collector", "/v1/players/me/games"),
    ],
)
def test_every_item_comes_exactly_once(
    request: pytest.FixtureRequest, collector: Session, who: str, path: str, limit: int
) -> None:
    assert collector
    session = request.getfixturevalue(who)
    ids = [game_id(item) for item in session.walk(path, limit=limit)]
    assert len(ids) >= 4
    assert len(set(ids)) == len(ids)
    assert ids == [game_id(item) for item in session.walk(path, limit=100)]
    if "popularity" not in path:
        assert ids == sorted(ids)


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
def test_players_over_all_shards_come_exactly_once(
    api: Api, world, publisher: Session, collector: Session, limit: int
) -> None:
    assert collector
    pairs = [
        (one["game"]["id"], one["player"]["id"])
        for one in publisher.walk("/v1/publisher/players", limit=limit)
    ]
    assert len(set(pairs)) == len(pairs)
    assert pairs == sorted(pairs)
    ranked = publisher.walk("/v1/publisher/games/popularity", limit=100)
    assert len(pairs) == sum(one["players_count"] for one in ranked)


def test_the_generated_players_are_all_there(world, publisher: Session, api: Api) -> None:
    names = {one["player"]["name"] for one in publisher.walk("/v1/publisher/players", limit=100)}
    registered = 0
    for one in world.players:
        has = api.log_in(one.name, one.password).walk("/v1/players/me/games", limit=100)
        registered += bool(has)
        assert (one.name in names) == bool(has)
    assert registered > len(world.players) / 2


def test_a_list_goes_on_where_it_was_though_items_come_and_go(
    api: Api, studio: Session, new_game: Callable[[], dict]
) -> None:
    games = sorted((new_game() for _ in range(6)), key=lambda game: game["id"])
    player = api.sign_up()
    for game in games[:4]:
        player.put(f"/v1/players/me/games/{game['id']}")
    page = player.get("/v1/players/me/games", params={"limit": 2}).json()
    assert [one["game"]["id"] for one in page["items"]] == [game["id"] for game in games[:2]]
    player.delete(f"/v1/players/me/games/{games[1]['id']}")
    player.put(f"/v1/players/me/games/{games[5]['id']}")
    rest = player.get("/v1/players/me/games", params={"cursor": page["next"]}).json()
    assert [one["game"]["id"] for one in rest["items"]] == [games[i]["id"] for i in (2, 3, 5)]
    assert rest["next"] is None
    assert studio.walk("/v1/studios/me/games")


def test_twenty_is_the_usual_size_of_a_page(studio: Session, new_game: Callable[[], dict]) -> None:
    for _ in range(21):
        new_game()
    first = studio.get("/v1/studios/me/games").json()
    assert len(first["items"]) == 20
    second = studio.get("/v1/studios/me/games", params={"cursor": first["next"]}).json()
    assert len(second["items"]) == 1


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "", "99999999999999999999"])
def test_a_limit_out_of_bounds_is_named(player: Session, limit: str) -> None:
    assert pointers(player.get("/v1/games", params={"limit": limit})) == {"limit"}


def test_an_unknown_parameter_is_named(player: Session) -> None:
    assert pointers(player.get("/v1/games", params={"offset": "5"})) == {"offset"}
    assert pointers(player.get("/v1/players/me", params={"limit": "5"})) == {"limit"}


def test_cursors_that_were_not_given_are_refused(publisher: Session, player: Session) -> None:
    cursor = publisher.get("/v1/games", params={"limit": 1}).json()["next"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[len(raw) // 2] ^= 1
    changed = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    for wrong in ("x", changed, cursor[:-4], cursor + "AAAA", "é", "%", "A" * 400):
        problem(publisher.get("/v1/games", params={"cursor": wrong}), 400, "invalid-cursor")
    # good for its own list only
    answer = publisher.get("/v1/publisher/studios", params={"cursor": cursor})
    problem(answer, 400, "invalid-cursor")
    assert player.get("/v1/games", params={"cursor": cursor}).status_code == 200


def test_a_cursor_of_a_players_library_is_theirs(api: Api, collector: Session) -> None:
    cursor = collector.get("/v1/players/me/games", params={"limit": 1}).json()["next"]
    answer = api.sign_up().get("/v1/players/me/games", params={"cursor": cursor})
    problem(answer, 400, "invalid-cursor")
