"""Games in players' libraries: what players do, what studios do, what everybody sees."""

from collections.abc import Callable

import pytest
from client import NOBODY, TIMESTAMP, Api, Session, fresh_name, pointers, problem


def test_a_game_is_new_once(player: Session, game: dict) -> None:
    path = f"/v1/players/me/games/{game['id']}"
    first = player.put(path)
    assert first.status_code == 201
    entry = first.json()
    assert entry["game"] == game
    assert TIMESTAMP.fullmatch(entry["registered_at"])
    assert first.headers["location"] == path
    again = player.put(path)
    assert again.status_code == 200
    assert again.json() == entry
    assert player.get("/v1/players/me/games").json() == {"items": [entry], "next": None}


def test_removing_a_game_is_no_error_when_it_is_not_there(player: Session, game: dict) -> None:
    path = f"/v1/players/me/games/{game['id']}"
    player.put(path)
    for _ in range(2):
        answer = player.delete(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert player.walk("/v1/players/me/games") == []
    assert player.put(path).status_code == 201


@pytest.mark.parametrize("wrong", [NOBODY, "x"])
def test_a_game_that_does_not_exist_is_not_found(player: Session, wrong: str) -> None:
    problem(player.put(f"/v1/players/me/games/{wrong}"), 404, "no-such-game")
    problem(player.get(f"/v1/games/{wrong}"), 404, "no-such-game")
    assert player.delete(f"/v1/players/me/games/{wrong}").status_code == 204


def test_a_library_is_its_players_own(api: Api, player: Session, game: dict) -> None:
    player.put(f"/v1/players/me/games/{game['id']}")
    assert api.sign_up().walk("/v1/players/me/games") == []


def test_only_players_have_libraries(studio: Session, publisher: Session, game: dict) -> None:
    for session in (studio, publisher):
        problem(session.get("/v1/players/me/games"), 403, "forbidden")
        problem(session.put(f"/v1/players/me/games/{game['id']}"), 403, "forbidden")
        problem(session.delete(f"/v1/players/me/games/{game['id']}"), 403, "forbidden")


def test_games_are_seen_by_everybody_with_a_token(
    api: Api, player: Session, studio: Session, publisher: Session, operator: Session, game: dict
) -> None:
    assert game["studio"]["id"] == studio.id
    for session in (player, studio, publisher, operator):
        assert session.get(f"/v1/games/{game['id']}").json() == game
        assert game in session.walk("/v1/games", limit=100)
    problem(api.client.get("/v1/games"), 401, "missing-token")
    problem(api.client.get(f"/v1/games/{game['id']}"), 401, "missing-token")


# -- the studio's side ------------------------------------------------------------------------------------


def test_a_studio_sees_itself(studio: Session, player: Session, publisher: Session) -> None:
    own = studio.get("/v1/studios/me").json()
    assert own["id"] == studio.id
    assert set(own) == {"id", "name", "created_at"}
    for session in (player, publisher):
        problem(session.get("/v1/studios/me"), 403, "forbidden")


def test_a_studio_makes_games_with_names_of_their_own(
    studio: Session, new_studio: Callable[[], Session]
) -> None:
    name = fresh_name("Harbour")
    answer = studio.post("/v1/studios/me/games", json={"name": name})
    assert answer.status_code == 201
    game = answer.json()
    assert game["name"] == name
    assert answer.headers["location"] == f"/v1/games/{game['id']}"
    problem(studio.post("/v1/studios/me/games", json={"name": name}), 409, "game-name-taken")
    assert new_studio().post("/v1/studios/me/games", json={"name": name}).status_code == 201
    assert studio.walk("/v1/studios/me/games") == [game]


@pytest.mark.parametrize("name", ["", " x", "x ", "a\tb", "x" * 101, 3, None])
def test_a_game_needs_a_proper_name(studio: Session, name: object) -> None:
    assert pointers(studio.post("/v1/studios/me/games", json={"name": name})) == {"/name"}


def test_only_studios_make_games(player: Session, publisher: Session, operator: Session) -> None:
    for session in (player, publisher, operator):
        problem(session.post("/v1/studios/me/games", json={"name": "No"}), 403, "forbidden")
        problem(session.get("/v1/studios/me/games"), 403, "forbidden")
        problem(session.get("/v1/studios/me/games/popularity"), 403, "forbidden")
        problem(session.get("/v1/studios/me/players"), 403, "forbidden")


def test_a_studio_puts_its_games_into_libraries(
    studio: Session, player: Session, game: dict
) -> None:
    path = f"/v1/studios/me/games/{game['id']}/players/{player.id}"
    first = studio.put(path)
    assert first.status_code == 201
    assert studio.put(path).status_code == 200
    assert player.walk("/v1/players/me/games") == [first.json()]
    assert studio.walk("/v1/studios/me/players") == [
        {"game": game, "player": {"id": player.id, "name": player.name}}
    ]
    for _ in range(2):
        assert studio.delete(path).status_code == 204
    assert player.walk("/v1/players/me/games") == []
    assert studio.walk("/v1/studios/me/players") == []


def test_a_studio_cannot_touch_games_of_others(
    new_studio: Callable[[], Session], player: Session, game: dict
) -> None:
    other = new_studio()
    path = f"/v1/studios/me/games/{game['id']}/players/{player.id}"
    problem(other.put(path), 403, "not-your-game")
    problem(other.delete(path), 403, "not-your-game")
    problem(
        other.get("/v1/studios/me/players", params={"game_id": game["id"]}), 403, "not-your-game"
    )


def test_a_studio_is_told_what_does_not_exist(studio: Session, player: Session, game: dict) -> None:
    nothing = f"/v1/studios/me/games/{NOBODY}/players/{player.id}"
    nobody = f"/v1/studios/me/games/{game['id']}/players/{NOBODY}"
    problem(studio.put(nothing), 404, "no-such-game")
    problem(studio.delete(nothing), 404, "no-such-game")
    problem(studio.put(nobody), 404, "no-such-player")
    problem(studio.delete(nobody), 404, "no-such-player")
    problem(studio.get("/v1/studios/me/players", params={"game_id": NOBODY}), 404, "no-such-game")


def test_players_can_be_listed_by_game(
    api: Api, studio: Session, new_game: Callable[[], dict]
) -> None:
    first, second = new_game(), new_game()
    ann, bob = api.sign_up(), api.sign_up()
    ann.put(f"/v1/players/me/games/{first['id']}")
    ann.put(f"/v1/players/me/games/{second['id']}")
    bob.put(f"/v1/players/me/games/{second['id']}")

    def names(**params: str) -> set[str]:
        return {one["player"]["name"] for one in studio.walk("/v1/studios/me/players", **params)}

    assert names(game_id=first["id"]) == {ann.name}
    assert names(game_id=second["id"]) == {ann.name, bob.name}
    assert len(studio.walk("/v1/studios/me/players")) == 3
    new = fresh_name("renamed")
    bob.patch("/v1/players/me", json={"name": new})
    assert names(game_id=second["id"]) == {ann.name, new}


def test_popularity_counts_every_change_and_lists_games_without_players(
    api: Api, studio: Session, publisher: Session, new_game: Callable[[], dict]
) -> None:
    games = [new_game() for _ in range(3)]
    players = [api.sign_up() for _ in range(3)]
    for count, game in enumerate(games):
        for one in players[:count]:
            one.put(f"/v1/players/me/games/{game['id']}")
            one.put(f"/v1/players/me/games/{game['id']}")

    def ranking(session: Session, path: str) -> list[tuple[str, int]]:
        own = {game["id"] for game in games}
        ranked = session.walk(path, limit=100)
        counts = [one["players_count"] for one in ranked]
        assert counts == sorted(counts, reverse=True)
        return [
            (one["game"]["id"], one["players_count"]) for one in ranked if one["game"]["id"] in own
        ]

    wanted = [(games[2]["id"], 2), (games[1]["id"], 1), (games[0]["id"], 0)]
    assert ranking(studio, "/v1/studios/me/games/popularity") == wanted
    assert ranking(publisher, "/v1/publisher/games/popularity") == wanted
    players[0].delete(f"/v1/players/me/games/{games[2]['id']}")
    players[0].delete(f"/v1/players/me/games/{games[2]['id']}")
    players[0].delete("/v1/players/me")
    wanted = [(games[2]["id"], 1), (games[1]["id"], 0), (games[0]["id"], 0)]
    assert sorted(ranking(studio, "/v1/studios/me/games/popularity")) == sorted(wanted)
