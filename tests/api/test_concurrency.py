"""Many at once: names stay unique, counts stay exact."""

import asyncio
import collections
import concurrent.futures
from collections.abc import Callable

import httpx
from client import PASSWORD, Api, Session, fresh_name, key
from troupe_server import Server


def test_a_thousand_sign_ups_for_ten_names_give_ten_players(server: Server, api: Api) -> None:
    names = [fresh_name("wanted") for _ in range(10)]

    async def sign_up(client: httpx.AsyncClient, name: str) -> tuple[str, int, str]:
        body, headers = {"name": name, "password": PASSWORD}, key()
        while True:
            answer = await client.post("/v1/players", json=body, headers=headers)
            # overload and time-outs are no decision: the same request again, under the same key
            if answer.status_code != 503:
                return name, answer.status_code, answer.json().get("id", answer.json().get("type"))

    async def all_at_once() -> list[tuple[str, int, str]]:
        limits = httpx.Limits(max_connections=1000)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(sign_up(client, names[i % 10]) for i in range(1000)))

    outcomes = asyncio.run(all_at_once())
    created = [(name, made) for name, status, made in outcomes if status == 201]
    assert sorted(name for name, _ in created) == sorted(names)
    assert len({made for _, made in created}) == 10
    refused = collections.Counter((status, why) for _, status, why in outcomes if status != 201)
    assert refused == {(409, "/problems/name-taken"): 990}
    for name, made in created:
        assert api.log_in(name).get("/v1/players/me").json()["id"] == made


def test_names_of_one_player_changed_at_once_leave_one(api: Api, player: Session) -> None:
    from troupe_server import until

    names = [fresh_name("new") for _ in range(12)]

    def rename(name: str) -> int:
        return player.patch("/v1/players/me", json={"name": name}).status_code

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(rename, names))
    assert 200 in statuses
    assert set(statuses) <= {200, 409, 503}, statuses
    now = player.get("/v1/players/me").json()["name"]
    assert now in names
    # every other name is free for others
    for name in {*names, player.name} - {now}:
        body = {"name": name, "password": PASSWORD}
        until(
            lambda body=body: api.client.post("/v1/players", json=body).status_code == 201,
            f"{name} is free",
        )


def test_counts_are_exact_while_many_come_and_go(
    api: Api, studio: Session, new_game: Callable[[], dict]
) -> None:
    games = [new_game() for _ in range(3)]
    players = [api.sign_up() for _ in range(16)]

    def come_and_go(number: int) -> int:
        one = players[number]
        has = set()
        for step in range(40):
            game = games[(number + step) % 3]["id"]
            path = f"/v1/players/me/games/{game}"
            if (number * 7 + step * 5) % 3:
                answer = one.put(path)
                assert answer.status_code == (200 if game in has else 201)
                has.add(game)
            else:
                assert one.delete(path).status_code == 204
                has.discard(game)
        assert {entry["game"]["id"] for entry in one.walk("/v1/players/me/games")} == has
        return len(has)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        total = sum(pool.map(come_and_go, range(16)))
    ranked = studio.walk("/v1/studios/me/games/popularity")
    assert sum(one["players_count"] for one in ranked) == total
    assert len(studio.walk("/v1/studios/me/players", limit=100)) == total


def test_the_same_put_at_once_counts_once(api: Api, studio: Session, game: dict) -> None:
    player = api.sign_up()

    def put(_: int) -> int:
        return player.put(f"/v1/players/me/games/{game['id']}").status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = collections.Counter(pool.map(put, range(32)))
    assert statuses == {201: 1, 200: 31}
    ranked = studio.walk("/v1/studios/me/games/popularity")
    assert [one["players_count"] for one in ranked] == [1]
